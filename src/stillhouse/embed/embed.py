"""Queries to vectors. Labels are never read: a label in the vector would leak into retrieval."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.knobs import Exemplars
from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import announce, progress
from stillhouse.core.tables import EMBEDDINGS, EXEMPLAR
from stillhouse.embed.batches import fixed_batches, padded
from stillhouse.embed.encoders import Encoder, load_encoder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def embeddings_for(
    exemplars: Exemplars, conf: EmbedderConf, examples: Iterable[Mapping[str, Any]]
) -> tuple[pa.Table, dict[str, float]]:
    """The embeddings that an arm needs, and the metrics: none but for the nearest exemplars.

    Those have a float32 vector for each row but the human exemplars.
    """
    if exemplars != "topk":
        return EMBEDDINGS.schema.empty_table(), {"rows": 0, "cut": 0, "cut_share": 0.0}
    from stillhouse.sources.model_folder import model_folder

    rows = [row for row in examples if row["split"] != EXEMPLAR]
    if not rows:
        raise StillhouseError("There are no rows to embed. Check the dataset's splits.")
    encoder = load_encoder(
        conf, model_folder(conf.source, conf.mirror, code=conf.trust_remote_code)
    )
    queries = [row["query"] for row in rows]
    cut = count_cut(encoder, queries)
    vectors = encode(encoder, queries)
    if conf.normalise:
        vectors = normalised(vectors)
    table = _table([row["id"] for row in rows], vectors)
    return table, {"rows": len(rows), "cut": cut, "cut_share": round(cut / len(rows), 6)}


def count_cut(encoder: Encoder, queries: Sequence[str]) -> int:
    """How many queries are longer than the limit; there is a warning about them."""
    limit = encoder.max_tokens
    cut = sum(length > limit for length in encoder.whole_lengths(queries))
    if cut:
        more = encoder.positions is None or encoder.positions > limit
        most = f" (the model reads up to {encoder.positions:,})" if encoder.positions else ""
        announce(
            f"warning: {cut:,} of {len(queries):,} queries ({cut / len(queries):.1%}) are longer "
            f"than the embedder's `max_tokens` ({limit:,}): what lies behind, such as a hypothesis "
            "after its premise, plays no part in retrieval. "
            + (f"Raise `max_tokens`{most}, or choose" if more else f"Choose{most}")
            + " an embedder that reads more."
        )
    return cut


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
