"""The card says what configuration and metrics say, in a form that the hub reads."""

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.card.card import Measured, model_card
from stillhouse.card.config import CardConfig
from stillhouse.card.markdown import block, code, table, text
from tests.config.project import ENTRIES, edit, write_project

SCORES = {"rows": 50} | {
    f"{name}{end}": value
    for name in ("accuracy", "exact_match")
    for end, value in (("", 0.5), ("_low", 0.375), ("_high", 0.625))
}
MEASURED = Measured(
    student=SCORES,
    references={"untrained": SCORES | {"accuracy": 0.0, "accuracy_low": 0.0}, "majority": SCORES},
    data={"rows": {"train": 40, "test": 50}, "rejects": {}, "overlap": {}},
    chosen={"candidates": 40, "rows": 38, "without_label": 2},
    added={"real": 38, "synthetic": 0},
    training={"seed": 3, "lambda": 0.5, "validation": None, "truncated": {"queries": 1}},
    hashes={"examples": "e" * 64, "training": "f" * 64},
)
COMMIT = "e53f048856ff4f594e959d75785d2c2d37b678ee"


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


def card(project, measured=MEASURED):
    return model_card(CardConfig.load("card", project), 3, measured)


def front_matter(project):
    return ModelCard(card(project)).data.to_dict()


def test_the_hub_reads_the_front_matter(project):
    edit(project, "conf/dataset/own.yaml", source=f"hf://org/rows@{COMMIT}")
    model = ENTRIES["student/small"]["model"] | {"source": f"hf://org/base@{COMMIT}"}
    edit(project, "conf/student/small.yaml", model=model)
    found = ModelCard(card(project)).data
    assert found.base_model == "org/base"
    assert found.datasets == ["org/rows"]
    assert {result.metric_type: result.metric_value for result in found.eval_results} == {
        "accuracy": 0.5,
        "exact_match": 0.5,
    }
    assert {result.dataset_split for result in found.eval_results} == {"test"}
    assert found.license is None, "nobody stated what follows from three licences"
    assert found.language is None


def test_what_is_not_on_the_hub_is_not_named_as_if_it_were(project):
    assert not {"base_model", "datasets"} & front_matter(project).keys()


def test_every_knob_hash_and_interval_is_there_and_equal_content_gives_equal_text(project):
    page = card(project)
    assert page == card(project)
    knobs = yaml.safe_load((project / "params.yaml").read_text())
    del knobs["seeds"]
    assert yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0]) == knobs
    for fact in ("e" * 64, "f" * 64, "50.0% [37.5%, 62.5%]", "38 real", "seed 3"):
        assert fact in page


def test_a_teacher_is_named_only_where_its_words_were_learnt(project):
    assert "**Teacher's source**" in card(project)
    edit(project, "params.yaml", label_source="gold", rationale_source="none", **{"lambda": 0})
    assert "**Teacher's source**" not in card(project)


def test_licences_are_quoted_and_none_is_made_up(project):
    edit(project, "conf/dataset/own.yaml", licence="CC BY-NC 4.0 <b>only</b>")
    page = card(project)
    assert "- **Dataset**: CC BY-NC 4.0 &lt;b&gt;only&lt;/b&gt;" in page


def test_text_of_the_configuration_is_no_markup(project):
    edit(project, "conf/dataset/own.yaml", description="[x](http://evil) <script>\n# Title | `a`")
    page = card(project)
    assert "<script>" not in page
    assert "[x](" not in page
    assert "\n# Title" not in page


@given(st.text(max_size=80))
def test_code_holds_any_text_on_one_line(value):
    shown = code(value)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    assert "\n" not in shown
    assert shown.endswith(fence)
    assert fence not in shown[len(fence) : -len(fence)]


@given(st.text(max_size=80))
def test_plain_text_opens_no_markup(value):
    shown = text(value)
    assert "\n" not in shown
    assert "<" not in shown
    for place, character in enumerate(shown):
        if character in "`*_[]|~":
            assert shown[place - 1] == "\\"


def test_a_block_holds_its_own_fences():
    assert block("a\n```\nb") == "````\na\n```\nb\n````"


def test_a_table_has_a_line_for_each_row():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
