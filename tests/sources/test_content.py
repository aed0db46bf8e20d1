"""The hash of a folder is of all that is read there, and of nothing outside."""

import hashlib
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import sha256_file
from stillhouse.sources.content import content_hash
from stillhouse.sources.pin import pin


@pytest.fixture
def folder(tmp_path) -> Path:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/rows").write_text("1")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/rows").write_text("2")
    return tree


def documented(folder: Path) -> str:
    """The hash as the documentation defines it, over all files, links followed."""
    found = (
        Path(top) / name for top, _, names in os.walk(folder, followlinks=True) for name in names
    )
    lines = sorted((path.relative_to(folder).as_posix(), sha256_file(path)) for path in found)
    return hashlib.sha256("".join(f"{name} {sha}\n" for name, sha in lines).encode()).hexdigest()


names = st.text("ab-./Z~", min_size=1, max_size=8).map(lambda t: t.strip("/."))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files=st.lists(names, min_size=1, max_size=6))
def test_the_hash_is_the_documented_one_for_any_tree(tmp_path_factory, files):
    tree = tmp_path_factory.mktemp("any")
    for name in files:
        path = tree / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        except OSError:  # a name that is a folder, or nothing
            continue
    assert content_hash(tree) == documented(tree)


def test_a_linked_folder_inside_is_in_the_hash(folder):
    (folder / "again").symlink_to("sub")
    assert content_hash(folder) == documented(folder)
    before = content_hash(folder)
    (folder / "sub/more").write_text("3")
    assert content_hash(folder) != before
    (folder / "again").unlink()
    assert content_hash(folder) not in (before, documented(folder.parent))


@pytest.mark.parametrize("target", ["../outside", "../outside/rows", "/", "/dev/null"])
@pytest.mark.parametrize("place", ["link", "sub/link"])
def test_a_link_that_leaves_the_tree_is_refused(folder, target, place):
    (folder / place).symlink_to(target if place == "link" else f"../{target}")
    if target.startswith("/"):
        (folder / place).unlink()
        (folder / place).symlink_to(target)
    with pytest.raises(StillhouseError, match=r"link is a link that leaves .*cp -rL"):
        content_hash(folder)


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "alias").symlink_to(folder)
    assert content_hash(tmp_path / "alias") == content_hash(folder)


@pytest.mark.parametrize("target", [".", "..", "sub/../.", "nowhere", "loop"])
def test_a_link_without_an_end_is_refused(folder, target):
    (folder / "loop").symlink_to(target)
    with pytest.raises(StillhouseError, match="loop"):
        content_hash(folder)


def test_links_that_multiply_are_refused(folder, monkeypatch):
    monkeypatch.setattr("stillhouse.sources.content.MOST_LINKED", 1000)
    below = folder / "sub"
    for level in range(30):  # 2 to the 30 names
        upper = folder / f"level{level}"
        upper.mkdir()
        (upper / "a").symlink_to(below)
        (upper / "b").symlink_to(below)
        below = upper
    with pytest.raises(StillhouseError, match="more than 1,000 files in linked folders"):
        content_hash(folder)


def test_what_is_no_file_is_refused_and_not_waited_for(folder):
    os.mkfifo(folder / "sub/pipe")
    with pytest.raises(StillhouseError, match="pipe is neither a file nor a folder"):
        content_hash(folder)
    for path in (folder / "sub/pipe", Path("/dev/null")):
        for use in (content_hash, sha256_file, pin):
            with pytest.raises(StillhouseError, match="neither a file nor a folder"):
                use(path)


def test_names_are_the_same_composed_or_not(folder, tmp_path):
    other = tmp_path / "other"
    (other / "sub").mkdir(parents=True)
    (other / "sub/rows").write_text("1")
    (folder / unicodedata.normalize("NFC", "é")).write_text("x")
    (other / unicodedata.normalize("NFD", "é")).write_text("x")
    assert content_hash(folder) == content_hash(other)


def test_two_names_that_are_one_elsewhere_are_refused(folder):
    for form in ("NFC", "NFD"):
        (folder / unicodedata.normalize(form, "é")).write_text(form)
    if len(list(folder.iterdir())) < 3:
        pytest.skip("this file system takes the two names for one")
    with pytest.raises(StillhouseError, match="two entries whose names are one"):
        content_hash(folder)


def test_a_line_break_in_a_name_cannot_forge_another_tree(folder):
    (folder / "a\nb").write_text("x")
    with pytest.raises(StillhouseError, match="control character"):
        content_hash(folder)


def test_a_name_that_is_no_text_is_refused(folder):
    try:
        (folder / os.fsdecode(b"\xff")).write_text("x")
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(StillhouseError, match="not UTF-8"):
        content_hash(folder)


@pytest.mark.parametrize("name", ["a#b", "a\nb"])
def test_a_path_that_no_source_can_spell_is_not_pinned(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(StillhouseError, match="cannot be written as a source"):
        pin(tmp_path / name)


def test_a_tree_that_is_too_deep_is_refused(folder):
    (folder / "/".join("d" * 300)).mkdir(parents=True)
    with pytest.raises(StillhouseError, match="nested more than 200 deep"):
        content_hash(folder)
