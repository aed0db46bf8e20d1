import os
from pathlib import Path

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.sources.content import content_hash
from stillhouse.sources.mirror import mirrored
from stillhouse.sources.pin import pin
from stillhouse.sources.resolve import resolve
from tests.sources.hub import COMMIT


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data/raw").mkdir(parents=True)
    return tmp_path


def test_below_data_raw_needs_no_hash():
    Path("data/raw/mine.csv").write_text("a\n1\n")
    assert resolve("file:data/raw/mine.csv", kind="dataset") == Path("data/raw/mine.csv")
    with pytest.raises(StillhouseError, match=r"does not exist.*Did you mean 'mine.csv'"):
        resolve("data/raw/mien.csv", kind="dataset")


def test_pin_gives_a_source_that_resolves_until_the_content_changes():
    folder = Path("models/x/sub")
    folder.mkdir(parents=True)
    (folder / "weights").write_text("1")
    source = pin(Path("models/x"))
    assert resolve(source, kind="model") == Path("models/x")

    (folder / "weights").write_text("2")
    with pytest.raises(StillhouseError) as error:
        resolve(source, kind="model")
    assert content_hash(Path("models/x")) in str(error.value)
    assert source.rpartition("=")[2] in str(error.value)


def test_pin_outside_and_below_data_raw(tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.csv"
    elsewhere.write_text("a\n")
    assert pin(elsewhere).startswith(f"file:{elsewhere}#sha256=")
    Path("data/raw/x.csv").write_text("a\n")
    pinned = pin(Path("data/raw/x.csv"))
    assert pinned.startswith("file:data/raw/x.csv#sha256=")
    assert resolve(pinned, kind="dataset") == Path("data/raw/x.csv")
    with pytest.raises(StillhouseError, match="nothing to pin"):
        pin(Path("absent"))


def test_a_folders_hash_sees_names_and_content():
    hashes = set()
    for name, text in [("a", "1"), ("b", "1"), ("a", "2")]:
        folder = Path(f"f{len(hashes)}")
        folder.mkdir()
        (folder / name).write_text(text)
        hashes.add(content_hash(folder))
    assert len(hashes) == 3


def test_the_mirror_comes_first(monkeypatch, tmp_path):
    source = f"hf://org/absent@{COMMIT}"
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(tmp_path))
    Path("copies/model").mkdir(parents=True)
    assert resolve(source, kind="model", mirror="copies/model") == tmp_path / "copies/model"
    assert mirrored("copies/other") is None
    with pytest.raises(StillhouseError, match="no revision"):
        resolve("hf://org/absent", kind="model", mirror="copies/model")


def test_a_relative_mirror_counts_from_the_repository(monkeypatch, tmp_path):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("STILLHOUSE_MIRROR", "copies")
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "x").write_text("")
    (tmp_path / "workspace").mkdir()
    monkeypatch.chdir(tmp_path / "workspace")
    assert mirrored("x") == tmp_path / "copies" / "x"


def test_a_mirror_that_is_not_there_is_a_mistake(monkeypatch):
    monkeypatch.setenv("STILLHOUSE_MIRROR", "/no/such/folder")
    with pytest.raises(StillhouseError, match="STILLHOUSE_MIRROR is '/no/such/folder'"):
        mirrored("x")


OUTSIDE = ["../secret", "/etc/passwd", "a/../../secret", "./../secret"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_below_a_source_do_not_leave_it(path, tmp_path):
    Path("pinned").mkdir()
    Path("pinned/rows.jsonl").write_text("{}")
    Path("secret").write_text("s")
    source = pin(Path("pinned"))
    assert resolve(source, kind="dataset", paths=["rows.jsonl"]) == Path("pinned")
    for each in (source, "data/raw", f"hf://org/x@{COMMIT}"):
        with pytest.raises(StillhouseError, match=r"has no .* in it: it (leads out|is absolute)"):
            resolve(each, kind="dataset", paths=[path])


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_mirrors_path_does_not_leave_the_mirror(path, monkeypatch, tmp_path):
    for folder in (tmp_path / "copies", None):
        if folder:
            folder.mkdir()
            monkeypatch.setenv("STILLHOUSE_MIRROR", str(folder))
        else:
            monkeypatch.delenv("STILLHOUSE_MIRROR")
        with pytest.raises(StillhouseError, match=r"`mirror` is .*it (leads out|is absolute)"):
            mirrored(path)


@pytest.mark.parametrize("place", ["data/raw/pipe", "pinned/pipe", "copies/pipe"])
def test_a_pipe_is_refused_and_not_waited_for(place, monkeypatch, tmp_path):
    Path(place).parent.mkdir(exist_ok=True)
    os.mkfifo(place)
    if place.startswith("copies"):
        monkeypatch.setenv("STILLHOUSE_MIRROR", str(tmp_path / "copies"))
    uses = {
        "data/raw/pipe": lambda: resolve("data/raw", kind="dataset", paths=["pipe"]),
        "pinned/pipe": lambda: resolve(f"file:pinned/pipe#sha256={'0' * 64}", kind="dataset"),
        "copies/pipe": lambda: mirrored("pipe"),
    }
    with pytest.raises(StillhouseError, match="neither a file nor a folder"):
        uses[place]()


def test_a_linked_folder_in_data_raw_which_dvc_does_not_look_into_is_refused(tmp_path):
    Path("elsewhere").mkdir()
    Path("elsewhere/rows.csv").write_text("a\n1\n")
    Path("data/raw/linked").symlink_to(tmp_path / "elsewhere")
    for source, paths in [("data/raw/linked", ["rows.csv"]), ("data/raw", ["linked/rows.csv"])]:
        with pytest.raises(StillhouseError, match=r"data/raw/linked is a link to a folder.*pin"):
            resolve(source, kind="dataset", paths=paths)
    # DVC follows links to files, its own among them, and a link in the place of data/raw.
    Path("data/raw/rows.csv").symlink_to(tmp_path / "elsewhere/rows.csv")
    assert resolve("data/raw/rows.csv", kind="dataset") == Path("data/raw/rows.csv")
    Path("data/raw").rename("real")
    Path("data/raw").symlink_to("../real")
    assert resolve("data/raw/rows.csv", kind="dataset") == Path("data/raw/rows.csv")
