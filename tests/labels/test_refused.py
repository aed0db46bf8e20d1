"""What needs labels that are not there is refused in a sentence, before anyone is asked."""

import pytest
import yaml

from stillhouse.config.whole import load_all
from stillhouse.core.errors import StillhouseError
from tests.config.project import edit, write_project

UNLABELLED = {
    "unlabelled": {"read": ["own.csv"]},
    "test": {"hold_out_from": "unlabelled", "share": 0.25},
}
KNOBS = {"exemplars": "none", "k": 0, "label_source": "teacher"}
ASKED = ["unlabelled", "test"]


def project(tmp_path, *, splits=UNLABELLED, asked=ASKED, **knobs):
    root = write_project(tmp_path, **(KNOBS | knobs))
    edit(root, "conf/dataset/own.yaml", splits=splits, fields={"query": "{{ text }}"})
    edit(root, "conf/prompt/plain.yaml", splits=asked)
    return root


def test_rows_without_labels_are_a_whole_dataset(tmp_path):
    load_all(project(tmp_path))


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"label_source": "gold"}, "set `label_source: teacher`"),
        ({"label_filter": "correct"}, "set `label_filter: none`"),
        ({"rationale_source": "gold"}, "set `rationale_source: teacher`"),
        ({"exemplars": "topk", "k": 2}, "set `exemplars: none`, or `human`"),
        ({"exemplars": "random", "k": 2}, "set `exemplars: none`, or `human`"),
        ({"feedback": "wrong", "synthetic": 2}, "set `feedback: hard`"),
    ],
)
def test_knobs_that_need_gold_training_rows(tmp_path, knobs, said):
    with pytest.raises(StillhouseError) as caught:
        load_all(project(tmp_path, **knobs))
    (line,) = [each for each in str(caught.value).splitlines() if "`" in each]
    assert said in line
    assert "`dataset: own` has no `train` split" in line


@pytest.mark.parametrize(
    ("splits", "asked", "said"),
    [
        (
            UNLABELLED,
            ["unlabelled"],
            "does not ask about them; set its `splits: [test, unlabelled]`",
        ),
        (UNLABELLED, ["test"], "set its `splits: [test, unlabelled]`"),
        ({"unlabelled": {"read": ["own.csv"]}}, ["unlabelled"], "hold_out_from: unlabelled, share"),
        (
            UNLABELLED | {"validation": {"hold_out_from": "unlabelled", "share": 0.1}},
            ASKED,
            "the validation rows of `dataset: own` have no labels but the teacher's",
        ),
        (
            UNLABELLED | {"test": {"hold_out_from": "unlabelled"}},
            ASKED,
            "`hold_out_from` and one of `share` and `labels` go together",
        ),
        (
            UNLABELLED | {"train": {"read": ["a.csv"]}},
            ASKED,
            "write `fields.label`, or call the split `unlabelled`",
        ),
        (
            {
                "train": {"read": ["own.csv"], "fields": {"label": "{{ a }}"}},
                "test": {"hold_out_from": "train", "labels": "data/raw/l.csv"},
            },
            ["train"],
            "write `hold_out_from: unlabelled`",
        ),
    ],
)
def test_splits_that_lack_labels(tmp_path, splits, asked, said):
    root = project(tmp_path, splits=splits, asked=asked)
    with pytest.raises(StillhouseError) as caught:
        load_all(root)
    assert said in str(caught.value)


def test_a_judge_that_compares_with_gold(tmp_path):
    root = project(tmp_path, feedback="hard", synthetic=2)
    edit(
        root,
        "conf/judge/pair.yaml",
        form="reference",
        prompt="{{ query }} {{ answer }} {{ reference }}",
        markers=["Score:"],
    )
    with pytest.raises(StillhouseError, match=r"compares with gold labels \(form `reference`\)"):
        load_all(root)


def test_validation_rows_may_have_the_teachers_labels(tmp_path):
    splits = UNLABELLED | {"validation": {"hold_out_from": "unlabelled", "share": 0.1}}
    root = project(tmp_path, splits=splits, asked=[*ASKED, "validation"])
    knobs, entries = load_all(root)
    assert knobs.label_source == "teacher"
    assert not entries["dataset"].has_labels("validation")
    values = yaml.safe_load((root / "conf/dataset/own.yaml").read_text())
    assert "label" not in values["fields"]
