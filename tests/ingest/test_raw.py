import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.raw import read_exemplars, read_splits
from tests.ingest.conf import make_conf, texts
from tests.sources.hub import COMMIT, make_snapshot, use_cache
from tests.sources.wheels import make_wheel, only_index

CARD = b"""---
configs:
- config_name: main
  data_files:
  - {split: train, path: "main/train-*"}
  - {split: test, path: "main/test-*"}
- config_name: other
  data_files:
  - {split: train, path: "other/*"}
---
"""


def parquet(rows):
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def values(splits):
    return {name: [_columns(row) for row in rows] for name, rows in splits.items()}


def _columns(row):
    return {name: value for name, value in row.values.items() if name != "_file"}


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_splits_of_a_hub_dataset(tmp_path, monkeypatch):
    use_cache(monkeypatch, tmp_path)
    files = {
        "README.md": CARD,
        "main/train-0.parquet": parquet(texts(3)),
        "main/train-1.parquet": parquet(texts(2, first=3)),
        "main/test-0.parquet": parquet(texts(1)),
        "other/0.parquet": parquet(texts(4)),
        "extra.jsonl": lines(texts(6)).encode(),
    }
    make_snapshot(tmp_path, "dataset", "org/data", files)

    def read(**names):
        splits = {name: {"read": list(reads)} for name, reads in names.items()}
        return values(read_splits(make_conf(source=f"hf://org/data@{COMMIT}", splits=splits)))

    assert read(train=["main/train"], test=["main/test"]) == {"train": texts(5), "test": texts(1)}
    assert read(train=["other/train", "main/test"]) == {"train": texts(4) + texts(1)}
    assert read(train=["extra.jsonl"]) == {"train": texts(6)}, "a file of the repository"
    with pytest.raises(StillhouseError, match=r"org/data has no split 'main/dev'.*'train', 'test'"):
        read(train=["main/dev"])
    with pytest.raises(StillhouseError, match=r"no split 'train'.*main"):
        read(train=["train"])


@pytest.mark.parametrize("place", ["../../../../secret.jsonl", "/{tmp}/secret.jsonl"])
def test_a_hub_datasets_card_does_not_lead_out_of_its_repository(tmp_path, monkeypatch, place):
    use_cache(monkeypatch, tmp_path / "hub")
    (tmp_path / "secret.jsonl").write_text(lines(texts(3)))
    path = place.format(tmp=str(tmp_path).strip("/"))
    card = {"configs": [{"config_name": "main", "data_files": [{"split": "train", "path": path}]}]}
    files = {"README.md": f"---\n{json.dumps(card)}\n---\n".encode(), "in.jsonl": b"{}"}
    make_snapshot(tmp_path / "hub", "dataset", "org/data", files)
    splits = {"train": {"read": ["main/train"]}}
    with pytest.raises(StillhouseError, match=r"names '.*secret\.jsonl' as its data"):
        read_splits(make_conf(source=f"hf://org/data@{COMMIT}", splits=splits))


def test_splits_of_a_wheel(tmp_path, monkeypatch):
    files = {f"tiny_data/{n}.jsonl": lines(texts(i)) for i, n in [(3, "train"), (2, "test")]}
    digest = make_wheel(tmp_path, files)
    only_index(monkeypatch, tmp_path)
    conf = make_conf(source=f"pypi://tiny-data==1.0/tiny_data#sha256={digest}")
    assert values(read_splits(conf)) == {"train": texts(3), "test": texts(2)}


def test_the_mirror_comes_first_split_by_split(tmp_path, monkeypatch):
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/train.jsonl").write_text(lines(texts(2)))
    for name, rows in {"one": texts(1), "two": texts(1, first=1)}.items():
        (tmp_path / f"{name}.jsonl").write_text(lines(rows))
    splits = {
        "train": {"read": ["train.jsonl"], "mirror": ["absent.jsonl"]},
        "test": {"read": ["test.jsonl"], "mirror": ["one.jsonl", "two.jsonl"]},
    }
    conf = make_conf(splits=splits)
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(tmp_path))
    assert values(read_splits(conf)) == {"train": texts(2), "test": texts(2)}

    (tmp_path / "two.jsonl").unlink()
    with pytest.raises(StillhouseError, match=r"only some files of a split; missing: two\.jsonl"):
        read_splits(conf)


def test_exemplars_are_read_where_dvc_watches():
    path = Path("conf/exemplars/mine.jsonl")
    path.parent.mkdir(parents=True)
    path.write_text(lines(texts(2)))
    assert [row.values for row in read_exemplars(str(path))] == texts(2)
    assert read_exemplars(None) == []
    with pytest.raises(StillhouseError, match="no such file"):
        read_exemplars("conf/exemplars/other.jsonl")
    Path("elsewhere").mkdir()
    path.rename("elsewhere/mine.jsonl")
    for outside in ("elsewhere/mine.jsonl", "conf/exemplars/../../elsewhere/mine.jsonl"):
        with pytest.raises(StillhouseError, match="put the file below"):
            read_exemplars(outside)
    Path("conf/exemplars/linked").symlink_to(Path("elsewhere").resolve())
    with pytest.raises(StillhouseError, match="linked is a link to a folder"):
        read_exemplars("conf/exemplars/linked/mine.jsonl")


def test_a_row_knows_the_file_it_comes_from():
    folder = Path("data/raw")
    folder.mkdir(parents=True)
    for name in ("sour", "sweet"):
        (folder / f"{name}.jsonl").write_text(lines(texts(1)))
    conf = make_conf(splits={"train": {"read": ["sour.jsonl", "sweet.jsonl"]}})
    assert [row.values["_file"] for row in read_splits(conf)["train"]] == ["sour", "sweet"]


def test_how_quotes_are_read_is_said_split_by_split(capsys):
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/rows.TSV").write_text('text\tlabel\n"a .\tyes\nb ."\tno\n')
    splits = {
        "train": {"read": ["rows.TSV"], "quoting": "none"},
        "test": {"read": ["rows.TSV"], "quoting": "double"},
    }
    found = read_splits(make_conf(splits=splits))
    assert {name: len(rows) for name, rows in found.items()} == {"train": 2, "test": 1}
    assert capsys.readouterr().err == ""
    read_splits(make_conf(splits={"train": {"read": ["rows.TSV"]}}))
    assert "2 lines below its header, but 1 row:" in capsys.readouterr().err


def test_how_cells_are_separated_is_said_split_by_split():
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/rows.csv").write_text("text;label\na, b;yes\n")
    Path("data/raw/more.csv").write_text("text,label\nc,no\n")
    splits = {
        "train": {"read": ["rows.csv"], "separator": ";"},
        "test": {"read": ["more.csv"]},
    }
    found = values(read_splits(make_conf(splits=splits)))
    assert found == {
        "train": [{"text": "a, b", "label": "yes"}],
        "test": [{"text": "c", "label": "no"}],
    }


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ({"read": ["rows.csv"], "separator": ":"}, "separator"),
        ({"read": ["rows.jsonl"], "separator": ";"}, "for .csv and .tsv files"),
        ({"hold_out_from": "train", "share": 0.5, "separator": ";"}, "no `source`"),
        ({"read": ["rows.tsv"], "quoting": "maybe"}, "quoting"),
        ({"read": ["rows.jsonl"], "quoting": "none"}, "for .csv and .tsv files"),
        ({"hold_out_from": "train", "share": 0.5, "quoting": "none"}, "no `source`"),
    ],
)
def test_a_form_that_says_nothing_is_refused(split, says):
    with pytest.raises(ValueError, match=says):
        make_conf(splits={"train": {"read": ["a.csv"]}, "test": split})
