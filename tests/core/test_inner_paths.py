import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.inner_paths import inner_path


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("train.jsonl", "train.jsonl"),
        ("a/./b//c", "a/b/c"),
        ("a/../b", "b"),
        ("v1.11/train", "v1.11/train"),
        ("a..b/..c", "a..b/..c"),
        ("train[:10%]", "train[:10%]"),
    ],
)
def test_a_path_that_stays_inside_is_normalised(path, inner):
    assert inner_path(path) == inner


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "//x",
        "..",
        "../x",
        "a/../../x",
        "./../x",
        "C:/x",
        "\\x",
        "~/x",
        "a\0b",
        "a\nb",
    ],
)
def test_a_path_that_leads_out_is_refused(path):
    with pytest.raises(ValueError, match=r"absolute|leads out|control"):
        inner_path(path)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.c"]), max_size=6).map("/".join))
def test_no_accepted_path_leaves_its_root(path):
    try:
        inner = inner_path(path)
    except ValueError:
        return
    assert posixpath.normpath(f"/root/of/all/{inner}").startswith("/root/of/all")
