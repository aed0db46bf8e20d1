"""The contract of an edit: which stages it may rerun. Each is made, in a copy of the code."""

import json
import shutil
from functools import cache
from typing import NamedTuple

import pytest

from stillhouse.code.fingerprint import Sources, fingerprint
from tests.conftest import REPOSITORY
from tests.pipeline.test_static import CONFIGURED

PACKAGE = "src/stillhouse"
PREDICT = {"evaluate", "baseline", "feedback_predict", "gold_student", "augment"}
ASK = {
    *("teacher_select", "teacher_generate", "zero_shot", "feedback_judge", "augment", "evaluate"),
    *("complexity", "rate"),
}


class Edit(NamedTuple):
    """In a file of the package: a text that occurs, and what takes its place everywhere."""

    file: str
    old: str
    new: str
    stages: set[str]


EDITS = {
    "a comment": Edit("core/files.py", "os.close(handle)", "os.close(handle)  # at once", set()),
    "white space": Edit("core/files.py", "os.close(handle)", "os.close(\n\n    handle)", set()),
    "a docstring": Edit(
        "train_student/objective.py",
        "L = L_label + lambda",
        "The loss L = L_label + lambda",
        set(),
    ),
    "an annotation": Edit(
        "train_student/objective.py",
        "means: Tensor, lambda_: float",
        "means: Tensor, lambda_: int",
        set(),
    ),
    "an error's words": Edit(
        "core/tables.py", "but the schema asks for", "although the schema asks for", set()
    ),
    "a progress bar": Edit("core/progress.py", "s left", "seconds left", set()),
    "the run log": Edit("core/log.py", "%Y-%m-%dT", "%Y-%m-%d ", set()),
    "a command": Edit("cli.py", "Look at the prompts", "See the prompts", set()),
    "a check that only refuses": Edit(
        "config/whole.py", " in the configuration:", " in the settings:", set()
    ),
    "a private function's name": Edit("retrieve/nearest.py", "_distances", "_apart", set()),
    "a function that no stage calls": Edit(
        "sources/pin.py", "def pin(", "def another() -> int:\n    return 1\n\n\ndef pin(", set()
    ),
    "the loss": Edit(
        "train_student/objective.py",
        "means[0] + lambda_",
        "means[0] + 2 * lambda_",
        # whose students are trained, too
        {"train_student", "feedback_predict", "gold_student", "augment"},
    ),
    "how students predict": Edit(
        "students/predict.py", "text = text.lstrip()", "text = text.strip()", PREDICT
    ),
    "how exemplars are found": Edit(
        "retrieve/nearest.py", "MARGIN = 16", "MARGIN = 17", {"retrieve"}
    ),
    "the parser": Edit(
        "parse/statements.py",
        "MOST = 20",
        "MOST = 21",
        {"parse", "augment", "teacher_select", "zero_shot"},
    ),
    "a judge's model": Edit(
        "config/judge.py", "} as a judge", "} judging",
        {"feedback_judge", "augment", "complexity", "rate"},
    ),
    "a backend's retry": Edit("teacher_generate/openai_api/retrying.py", "2.0 **", "3.0 **", ASK),
    "a default that stages read": Edit(
        "config/dataset.py",
        '"\\nPremise:")',
        '"\\nPremise:", "\\nNext:")',
        {
            *("ingest", "prompt", "parse", "feedback_judge", "feedback_split", "augment"),
            *("baseline", "evaluate", "card", "retrieve", "references", "report", "teacher_select"),
            *("teacher_generate", "zero_shot", "gold_student", "rate"),
        },
    ),
    "what every stage runs in": Edit(
        "stage.py", "time.perf_counter() - started, 2", "time.perf_counter() - started, 3",
        set(CONFIGURED),
    ),
}  # fmt: skip


READ = {}


class Remembering(Sources):
    """Reads no module again that it has read with the same content: an edit leaves most as is."""

    def _read(self, name, path):
        known = (name, path.read_bytes())
        if known not in READ:
            READ[known] = super()._read(name, path)
        return READ[known]


def sources(folder):
    return Remembering(folder / PACKAGE, folder / "stages")


@cache
def digests():
    return {stage: fingerprint(stage, sources(REPOSITORY)).digest for stage in CONFIGURED}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in (PACKAGE, "stages"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignore)
    return folder


def make(folder, edit):
    """Make an edit; what the file held before."""
    path = folder / PACKAGE / edit.file
    before = path.read_text(encoding="utf-8")
    assert edit.old in before
    path.write_text(before.replace(edit.old, edit.new), encoding="utf-8")
    return path, before


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reaches_the_stages_that_it_can_change_and_no_other(copied, name):
    path, before = make(copied, EDITS[name])
    edited = sources(copied)
    changed = {s for s in CONFIGURED if fingerprint(s, edited).digest != digests()[s]}
    path.write_text(before, encoding="utf-8")
    assert changed == EDITS[name].stages


def test_a_module_that_moves_changes_no_stage(copied):
    """Names of files are no part of what code means."""
    moved = copied / PACKAGE / "retrieve/nearest.py"
    users = [
        p for p in (copied / PACKAGE).rglob("*.py") if "retrieve.nearest" in p.read_text("utf-8")
    ]
    held = {path: path.read_text(encoding="utf-8") for path in users}
    moved.rename(moved.with_name("closest.py"))
    for path, text in held.items():
        path.write_text(text.replace("retrieve.nearest", "retrieve.closest"), encoding="utf-8")
    changed = {s for s in CONFIGURED if fingerprint(s, sources(copied)).digest != digests()[s]}
    moved.with_name("closest.py").rename(moved)
    for path, text in held.items():
        path.write_text(text, encoding="utf-8")
    assert users
    assert changed == set()


@pytest.mark.slow
def test_dvc_sees_an_edit_and_what_it_can_change(workspace):
    """As a user sees it: `dvc status` names the code, and after it has run the stages."""
    path, before = make(workspace.path, EDITS["the parser"])
    assert json.loads(workspace.dvc("status", "--json")).keys() == {"code"}
    assert workspace.ran("repro", "code") == {"code"}
    stale = {stage.partition("@")[0] for stage in json.loads(workspace.dvc("status", "--json"))}
    assert stale == EDITS["the parser"].stages
    path.write_text(before, encoding="utf-8")
    assert workspace.ran("repro", "code") == set()  # from DVC's cache
    assert json.loads(workspace.dvc("status", "--json")) == {}


@pytest.mark.slow
def test_code_that_is_edited_while_dvc_runs_makes_nothing(workspace):
    """A stage that runs other code than was written down would be filed under the wrong one."""
    make(workspace.path, EDITS["the parser"])
    output = workspace.dvc("repro", "--single-item", "--force", "parse", fails=True)
    assert "error in parse: the code of parse is not what `dvc repro` found" in output
    assert "Traceback" not in output
    assert "parse" in workspace.ran("repro")
