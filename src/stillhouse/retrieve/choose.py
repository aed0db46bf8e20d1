"""The exemplars table: `k` exemplars for every row, by one of the four arms."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhouse.config.knobs import Exemplars
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import require_ids
from stillhouse.core.tables import EXEMPLARS
from stillhouse.retrieve.agreement import label_agreement
from stillhouse.retrieve.human import human_choice
from stillhouse.retrieve.nearest import Vectors, nearest
from stillhouse.retrieve.rows import Integers, Rows, require_enough, split_sides
from stillhouse.retrieve.seeded import seeded_choice


def choose_exemplars(
    examples: Sequence[Mapping[str, Any]],
    embeddings: pa.Table,
    *,
    exemplars: Exemplars,
    k: int,
    seed: int,
    exclude_same_group: bool,
) -> tuple[pa.Table, dict[str, float]]:
    """Exactly `k` exemplars for every row but the human exemplars, and the metrics of the choice.

    Rank 1 is the nearest (topk), or the first of the seeded order (random) or of the file (human).
    Distances are Euclidean; they are null for arms that do not measure any.
    """
    sides = split_sides(examples, exclude_same_group=exclude_same_group)
    asking, pool = sides.asking, sides.pool
    if exemplars == "none" or k == 0:
        return EXEMPLARS.schema.empty_table(), {"k": 0, "rows": 0}
    metrics: dict[str, float] = {"k": k, "rows": len(asking)}
    if exemplars == "human":
        return _table(asking, sides.human, human_choice(asking, sides.human, k)), metrics
    require_enough(asking, pool, k)
    distances = None
    if exemplars == "random":
        positions = seeded_choice(asking, pool, k, seed)
    else:
        positions, distances = nearest(
            asking, pool, _vectors(embeddings, asking), _vectors(embeddings, pool), k
        )
    labels = {row["id"]: row["label"] for row in examples}
    agreement = label_agreement(asking, pool, positions, labels)
    return _table(asking, pool, positions, distances), metrics | agreement


def _vectors(embeddings: pa.Table, rows: Rows) -> Vectors:
    """The vectors of `rows`, (rows, dimension), joined by id."""
    ids = [str(id_) for id_ in embeddings.column("id").to_pylist()]
    require_ids(rows.ids, ids, "examples", "embeddings")
    values = pc.list_flatten(embeddings.column("vector")).to_numpy()
    lengths = pc.list_value_length(embeddings.column("vector")).to_numpy()
    if len(set(lengths.tolist())) != 1:
        raise StillhouseError(
            "Table 'embeddings' has vectors of different lengths. Run `dvc repro embed`."
        )
    place = {id_: position for position, id_ in enumerate(ids)}
    matrix: Vectors = values.reshape(len(ids), -1)
    return np.ascontiguousarray(matrix[[place[id_] for id_ in rows.ids]])


def _table(
    asking: Rows, pool: Rows, positions: Integers, distances: Vectors | None = None
) -> pa.Table:
    rows, k = positions.shape
    columns = [
        pa.array(asking.ids).take(np.repeat(np.arange(rows), k)),
        pa.array(np.tile(np.arange(1, k + 1, dtype=np.int32), rows)),
        pa.array(pool.ids).take(positions.ravel()),
        pa.nulls(rows * k, pa.float32()) if distances is None else pa.array(distances.ravel()),
    ]
    return pa.Table.from_arrays(columns, schema=EXEMPLARS.schema)
