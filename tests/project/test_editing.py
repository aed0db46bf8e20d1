"""YAML with other values: comments and order stay, and every reader reads the same."""

import yaml as other_reader
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.yaml import parse_yaml
from stillhouse.project.editing import LEAVE_OUT, edited, written
from tests.conftest import REPOSITORY

TEXT = """\
# The head.
a: 1 # why
b: # inner
  c: "x" # kept
  d: [1, 2]
e: null
"""


def test_a_value_changes_and_all_else_stays():
    assert edited(TEXT, {("b", "c"): "z"}) == TEXT.replace('"x"', '"z"')
    assert edited(TEXT, {("a",): None}) == TEXT.replace("a: 1", "a: null")


def test_keys_come_and_go():
    assert edited(TEXT, {("b", "d"): LEAVE_OUT}) == TEXT.replace("  d: [1, 2]\n", "")
    assert edited(TEXT, {("f",): {"g": 1}}) == TEXT + "f: {g: 1}\n"
    assert parse_yaml(edited(TEXT, {("h", "i"): 2}), "it")["h"] == {"i": 2}


def test_an_equal_value_changes_no_byte():
    text = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")
    values = parse_yaml(text, "it")
    assert edited(text, {(key,): value for key, value in values.items()}) == text


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.sampled_from(["yes", "1e3", "~"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"))),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), values, min_size=1))
def test_what_is_written_is_read_back_by_both_readers(content):
    text = written(content)
    assert parse_yaml(text, "it") == content
    assert other_reader.safe_load(text) == content


def test_lines_of_a_text_stand_below_each_other():
    text = written({"query": "{{ a }}\nWhat is it?", "choices": ["yes", "no"]})
    assert text == 'query: |-\n  {{ a }}\n  What is it?\nchoices: ["yes", "no"]\n'
