"""The tables: checked at both ends, and equal content gives equal bytes."""

import string

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillhouse.core import tables
from stillhouse.core.errors import StillhouseError

WORDS = st.text(string.printable + "äöü√日本", max_size=12)
TRAINING_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": WORDS,
            "query": WORDS,
            "label": WORDS,
            "rationale": st.none() | WORDS,
            "origin": st.sampled_from(["real", "synthetic"]),
        }
    ),
    max_size=20,
    unique_by=lambda row: row["id"],
)


def exemplar(id_="a", rank=0, **changed):
    return {"id": id_, "rank": rank, "exemplar_id": "b", "distance": 0.5} | changed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(rows=TRAINING_ROWS, order=st.randoms(use_true_random=False))
def test_any_order_gives_the_same_bytes_and_reads_back_sorted(tmp_path, rows, order):
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    shuffled = order.sample(rows, len(rows))
    tables.TRAINING.at(first).write_rows(rows)
    tables.TRAINING.at(second).write_rows([dict(reversed(row.items())) for row in shuffled])
    assert first.read_bytes() == second.read_bytes()
    assert tables.TRAINING.at(first).read_rows() == sorted(rows, key=lambda row: row["id"].encode())


@pytest.mark.parametrize("spec", [tables.EXAMPLES, tables.PROMPTS, tables.EMBEDDINGS])
def test_an_empty_table_reads_back(tmp_path, spec):
    spec.at(tmp_path / "empty.parquet").write_rows([])
    assert spec.at(tmp_path / "empty.parquet").read_rows() == []


def test_nested_columns_read_back(tmp_path):
    path = tmp_path / "prompts.parquet"
    row = {"id": "a", "messages": [{"role": "user", "content": "hi\n"}]}
    tables.PROMPTS.at(path).write_rows([row])
    assert tables.PROMPTS.at(path).read_rows() == [row]


def test_bytes_do_not_depend_on_how_the_table_was_chunked(tmp_path):
    whole = pa.table({"id": ["a", "b", "c"]})
    spec = tables.Table("ids", tmp_path, pa.schema([pa.field("id", pa.string(), nullable=False)]))
    parts = pa.concat_tables([whole.slice(2), whole.slice(0, 2)])
    spec.at(tmp_path / "whole.parquet").write(whole.cast(spec.schema))
    spec.at(tmp_path / "parts.parquet").write(parts.cast(spec.schema))
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "parts.parquet").read_bytes()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([exemplar(extra=1)], ["extra", "schema"]),
        ([{"id": "a"}], ["exemplar_id", "schema"]),
        ([exemplar(rank="first")], ["rank", "int32"]),
        ([exemplar(exemplar_id=None)], ["exemplar_id", "'a'"]),
        ([exemplar(), exemplar()], ["2 rows", "'rank': 0"]),
    ],
    ids=["extra column", "missing columns", "wrong type", "null", "duplicate key"],
)
def test_bad_rows_are_refused_and_nothing_is_written(tmp_path, rows, said):
    path = tmp_path / "exemplars.parquet"
    with pytest.raises(StillhouseError) as error:
        tables.EXEMPLARS.at(path).write_rows(rows)
    assert all(word in str(error.value) for word in [*said, str(path)])
    assert list(tmp_path.iterdir()) == []


def test_a_key_of_two_columns_may_repeat_one_of_them(tmp_path):
    path = tmp_path / "exemplars.parquet"
    tables.EXEMPLARS.at(path).write_rows([exemplar(rank=1), exemplar("b"), exemplar(rank=0)])
    found = [(row["id"], row["rank"]) for row in tables.EXEMPLARS.at(path).read_rows()]
    assert found == [("a", 0), ("a", 1), ("b", 0)]


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(StillhouseError, match=r"(?s)examples.*dvc repro.*dvc pull"):
        tables.EXAMPLES.at(tmp_path / "none.parquet").read_rows()


@pytest.mark.parametrize("content", [b"<<<<<<< HEAD", b"", b"PAR1" + b"x" * 50 + b"PAR1"])
def test_a_file_that_is_not_parquet_is_named(tmp_path, content):
    path = tmp_path / "examples.parquet"
    path.write_bytes(content)
    with pytest.raises(StillhouseError, match="not a readable Parquet file"):
        tables.EXAMPLES.at(path).read_rows()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pa.table({"id": ["a"]}), "should have columns"),
        (
            pa.table({"id": ["a"], "rank": ["x"], "exemplar_id": ["b"], "distance": [0.5]}),
            "expected types",
        ),
        (
            pa.table(
                {"id": ["a", "a"], "rank": [0, 0], "exemplar_id": ["b"] * 2, "distance": [0.5] * 2}
            ),
            "unique",
        ),
    ],
    ids=["columns", "types", "keys"],
)
def test_a_table_of_another_shape_is_refused_when_read(tmp_path, table, said):
    path = tmp_path / "exemplars.parquet"
    pq.write_table(table, path)
    with pytest.raises(StillhouseError, match=said):
        tables.EXEMPLARS.at(path).read_rows()
