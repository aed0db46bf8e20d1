"""YAML is read as DVC reads it, and what could be read in two ways is refused."""

import time

import pytest
import yaml as yaml_1_1
from dvc.utils.serialize import parse_yaml as dvc_reads
from hypothesis import example, given
from hypothesis import strategies as st

from stillhouse.config.whole import GROUPS
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import dump_yaml, parse_yaml, read_yaml
from tests.conftest import REPOSITORY

LEVELS = "bcdefghijklm"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{chr(ord(name) - 1)}'] * 9)}]\n" for name in LEVELS
)
MERGED_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{','.join([f'*{chr(ord(name) - 1)}'] * 9)}]}}\n" for name in LEVELS
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nk: 010", "line 2: `010` is a decimal number to some"),
        ("k: -07", "`-07`"),
        ("k: 2024-01-01", "`2024-01-01` is a date in YAML; quote it"),
        ("k: 2024-01-01T10:00:00Z", "is a date"),
        ("k: !!int abc", "the tag `!!int` has no place here"),
        ("k: !!python/object/apply:os.getcwd []", "the tag `!!python/object/apply:os.getcwd`"),
        ("k: !own x", "the tag `!own`"),
        ("%YAML 1.1\n---\nk: 010", "%YAML"),
        ("--- 1\n--- 2", "more than one document"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key `a` stands there twice"),
        ("a: {b: 1, b: 2}", "the key `b` stands there twice"),
        ("k: +_", "looks like a number and is none"),
        (f"k: {'9' * 30}", "has more than 18 digits"),
        (f"k: {'9' * 5000}", "has more than 18 digits"),
        (BOMB, "more than 100,000 values"),
        (MERGED_BOMB, "more than 100,000 values"),
        ("a: &a [*a]", "nothing before `*a`"),
        ("a: *b", "nothing before `*b`"),
        ("[" * 100_000, "nested more than 40 levels"),
        ("{a: " * 100_000, "nested more than 40 levels"),
        ("- " * 400_000, "nested more than 40 levels"),
        ("? " * 100_000, "nested more than 40 levels"),
        ("a: x\n" * 200_000, "has 1,000,000 characters"),
        ("a: [1,\n 2", "in what begins on line 1"),
        ("k: \x00", "control characters are not allowed"),
        ('k: "\\ud800"', "Unicode"),
        ("k: [unclosed\nb: 1", "line 2"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_refused_is_one_message(text, said):
    with pytest.raises(StillhouseError) as error:
        parse_yaml(text if len(text) < 1_000_000 else text + "#", "x.yaml")
    if "characters" in said and "control" not in said:
        assert "a configuration has at most 1,000,000" in str(error.value)
    else:
        assert said in str(error.value)
    assert str(error.value).startswith("x.yaml")
    assert "\n" not in str(error.value)


def test_no_text_takes_long():
    started = time.process_time()
    for text in (BOMB, MERGED_BOMB, "[" * 900_000, "- " * 490_000, "a: &x [1]\n" + "- *x\n" * 9):
        with pytest.raises(StillhouseError):
            parse_yaml(text, "x.yaml")
    assert time.process_time() - started < 60  # exploding, they would take for ever


@pytest.mark.parametrize(
    "text",
    [
        "k: 1:30",
        "k: yes",
        "k: [no, on, off, y]",
        "k: 1_000",
        "k: 0x1f",
        "k: 0o17",
        "k: 1e-5",
        "k: -0",
        "k: ~",
        "k: .5",
        "k: '010'",
        "a: &a {b: 1}\nc: {<<: *a, d: 2}",
        "k: |\n  010\n  2024-01-01\n",
        "k: 1.2.3",
    ],
)
def test_what_is_read_is_what_dvc_reads(text):
    assert parse_yaml(text, "x.yaml") == dvc_reads(text, "x.yaml")


def test_the_projects_own_files_are_what_dvc_reads():
    files = [REPOSITORY / "params.yaml", *(REPOSITORY / "studies").glob("*.yaml")]
    files += [file for group in GROUPS for file in (REPOSITORY / "conf" / group).glob("*.yaml")]
    for file in files:
        assert read_yaml(file) == dvc_reads(file.read_text(encoding="utf-8"), file)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
    | st.sampled_from(["yes", "no", "010", "1:30", "1e5", "2024-01-01", "~", "0x1f", "1_000", "="]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"]), max_size=5), inner),
    max_leaves=8,
)  # fmt: skip


@example({"a": 5e-324, "b": 1e22, "c": -1.5e300})
@given(st.dictionaries(st.sampled_from("abc"), values, min_size=1))
def test_what_is_written_is_read_alike_by_readers_of_both_versions(found):
    text = dump_yaml(found)
    assert parse_yaml(text, "x.yaml") == found
    assert yaml_1_1.safe_load(text) == found
