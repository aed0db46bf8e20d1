"""Rows and vectors to retrieve from."""

import numpy as np
import pyarrow as pa

from stillhouse.core.tables import EMBEDDINGS


def example(id_, split="train", query=None, group=None, label="x"):
    return {
        "id": id_, "split": split, "query": query or f"query of {id_}", "label": label,
        "choices": [], "gold_rationale": None, "group": group, "meta": None,
    }  # fmt: skip


def embeddings(vectors):
    """The embeddings table of a mapping from id to vector."""
    columns = [list(vectors), [np.asarray(v, dtype=np.float32).tolist() for v in vectors.values()]]
    return pa.table(columns, schema=EMBEDDINGS.schema)


def chosen(table):
    """Exemplar ids by row, the first rank first."""
    found = {}
    for row in sorted(table.to_pylist(), key=lambda r: (r["id"], r["rank"])):
        found.setdefault(row["id"], []).append(row["exemplar_id"])
        assert row["rank"] == len(found[row["id"]])
    return found
