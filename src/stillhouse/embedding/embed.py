"""Queries to vectors. Labels are never read: a label in the vector would leak into retrieval."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stillhouse.config.embedder import EmbedderConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import progress
from stillhouse.core.tables import EMBEDDINGS
from stillhouse.embedding.batches import fixed_batches, padded
from stillhouse.embedding.encoders import Encoder, load_encoder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def embed_queries(conf: EmbedderConf, examples: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The embeddings table: one float32 vector for each row but the human exemplars."""
    from stillhouse.sources.checkpoints import checkpoint

    rows = [row for row in examples if row["split"] != "exemplar"]
    if not rows:
        raise StillhouseError("There are no rows to embed. Check the dataset's splits.")
    encoder = load_encoder(conf, checkpoint(conf.source, conf.mirror, code=conf.trust_remote_code))
    vectors = encode(encoder, [row["query"] for row in rows])
    if conf.normalise:
        vectors = normalised(vectors)
    return _table([row["id"] for row in rows], vectors)


def encode(encoder: Encoder, queries: Sequence[str]) -> "npt.NDArray[np.float32]":
    """The vectors of `queries`, (queries, dimension), in the same order."""
    import numpy as np

    tokens = encoder.tokenize(queries)
    batches = fixed_batches([len(row) for row in tokens], encoder.max_tokens)
    found: dict[int, npt.NDArray[np.float32]] = {}
    with progress("Embed queries", len(queries)) as bar:
        for batch in batches:
            values = encoder.vectors(*padded(tokens, batch, encoder.pad)).numpy()
            found |= zip(batch.positions, values, strict=False)  # spare rows come last
            bar.advance(len(batch.positions))
    vectors = np.stack([found[position] for position in range(len(queries))])
    if not np.isfinite(vectors).all():
        raise StillhouseError("The embedder gave vectors that are not finite. Use another one.")
    return vectors


def normalised(vectors: "npt.NDArray[np.float32]") -> "npt.NDArray[np.float32]":
    """The vectors at length one; a vector of zeros stays as it is."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _table(ids: list[str], vectors: "npt.NDArray[np.float32]") -> pa.Table:
    import numpy as np

    # A Python list for every vector would take gigabytes at 100,000 rows.
    starts = np.arange(len(ids) + 1, dtype=np.int32) * np.int32(vectors.shape[1])
    lists = pa.ListArray.from_arrays(pa.array(starts), pa.array(vectors.ravel()))
    return pa.Table.from_arrays([pa.array(ids), lists], schema=EMBEDDINGS.schema)
