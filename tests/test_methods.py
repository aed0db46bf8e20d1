"""Every method of docs/methods.md resolves: its entries exist, agree with each other, and load."""

import re
import shutil

import pytest
import yaml

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.whole import load_all
from tests.conftest import REPOSITORY

BASE = {
    "gold_student": "false",
    "zero_shot": "[]",
    "dataset": "svamp_hsieh",
    "teacher": "qwen2_5_coder_1_5b",
    "student": "t5_v1_1_base",
}
SETTING = re.compile(r"-S '?([^=\s]+)=([^\s']+)'?")
ROW = re.compile(r"^\| ([^|`]+) \| `(-S [^`]+)` \|$", re.MULTILINE)
METHODS = dict(ROW.findall((REPOSITORY / "docs/methods.md").read_text(encoding="utf-8")))


def set_key(values, path, value):
    *parents, last = path.split(".")
    for parent in parents:
        values = values[parent]
    assert last in values, f"{path} is not written in the file"
    values[last] = value


def project(folder, settings):
    """The repository's configuration with one method's settings, as `dvc exp run -S` makes it."""
    shutil.copytree(REPOSITORY / "conf", folder / "conf")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(REPOSITORY / name, folder)
    for key, value in [*BASE.items(), *settings]:
        name, _, path = key.rpartition(":")
        file = folder / (name or "params.yaml")
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        set_key(values, path, yaml.safe_load(value))
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder


def test_the_papers_methods_are_there():
    assert len(METHODS) >= 12
    for words in (
        "fine-tuning",
        "task distillation",
        "retrieved",
        "random",
        "unlabelled",
        "vanilla",
    ):
        assert any(words in method for method in METHODS), words


@pytest.mark.parametrize("method", METHODS)
def test_a_method_resolves(method, tmp_path):
    knobs, entries = load_all(project(tmp_path, SETTING.findall(METHODS[method])))
    dataset, prompt = entries["dataset"], entries["prompt"]
    assert isinstance(dataset, DatasetConf)
    assert isinstance(prompt, PromptConf)
    assert dataset.task in prompt.tasks
    if knobs.label_source == "teacher" or knobs.label_filter == "correct":
        assert prompt.reply.content != "rationale", "the prompt asks for no label"
    if knobs.rationale_source == "teacher":
        assert prompt.reply.content != "label", "the prompt asks for no rationale"
    if knobs.rationale_source == "gold":
        assert dataset.fields.rationale, "the dataset has no rationales"
    assert (knobs.lambda_ > 0) == (knobs.rationale_source != "none")
    if knobs.exemplars == "human":
        exemplars = REPOSITORY / (dataset.human_exemplars or "missing")
        assert len(exemplars.read_text(encoding="utf-8").splitlines()) >= knobs.k
    assert (knobs.exemplars == "none") == (knobs.k == 0)
    for split in prompt.splits:
        assert split in dataset.splits
    if knobs.synthetic:
        assert knobs.feedback != "none"
