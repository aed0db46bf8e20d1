"""The nearest rows of the pool: exact Euclidean search, ties by id."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stillhouse.retrieve.rows import Flags, Integers, Rows, hidden

Vectors = npt.NDArray[np.float32]

MARGIN = 16
"""Rows found beyond `k` at first, to make up for hidden ones and ties."""
VALUES_AT_ONCE = 4_000_000
"""Numbers of found vectors held at once: 32 MB in float64."""


def nearest(
    asking: Rows, pool: Rows, asking_vectors: Vectors, pool_vectors: Vectors, k: int
) -> tuple[Integers, Vectors]:
    """The positions of the `k` nearest visible pool rows and their distances, both (rows, k).

    FAISS (IndexFlatL2) finds candidates; their distances are computed again, so that equal vectors
    are equally far whatever the batch, and sorted by distance, then id. A row whose candidates may
    have missed a nearer or tied one is searched again with more. Every row must have `k` visible.
    """
    import faiss

    index = faiss.IndexFlatL2(pool_vectors.shape[1])
    index.add(pool_vectors)
    positions = np.empty((len(asking), k), dtype=np.int64)
    distances = np.empty((len(asking), k), dtype=np.float32)
    slack = _slack(asking_vectors, pool_vectors)
    pending, width = np.arange(len(asking)), min(len(pool), k + MARGIN)
    while pending.size:
        unsure = []
        at_once = max(1, VALUES_AT_ONCE // (width * pool_vectors.shape[1]))
        for which in np.split(pending, range(at_once, len(pending), at_once)):
            bound, found = index.search(asking_vectors[which], width)
            away = _distances(asking_vectors[which], pool_vectors, found)
            away[hidden(asking, which, pool, found)] = np.inf
            # The pool is in order of id, so a position stands for an id among ties.
            order = np.lexsort((found, away), axis=-1)[:, :k]
            positions[which] = np.take_along_axis(found, order, axis=1)
            distances[which] = np.take_along_axis(away, order, axis=1)
            unsure.append(which[~_complete(distances[which], bound, slack[which], len(pool))])
        pending, width = np.concatenate(unsure), min(len(pool), 4 * width)
    return positions, distances


def _distances(vectors: Vectors, pool_vectors: Vectors, found: Integers) -> Vectors:
    """Euclidean distances (rows, n), the same for a pair of vectors in whatever company."""
    apart = (pool_vectors[found] - vectors[:, None, :]).astype(np.float64)
    return np.asarray(np.sqrt(np.square(apart).sum(axis=-1)), dtype=np.float32)


def _slack(asking_vectors: Vectors, pool_vectors: Vectors) -> npt.NDArray[Any]:
    """A bound on the error of a squared distance that FAISS finds as |x|^2 + |y|^2 - 2xy."""
    longest = np.linalg.norm(pool_vectors, axis=1).max()
    reach = (np.linalg.norm(asking_vectors, axis=1).astype(np.float64) + longest) ** 2
    return np.asarray((pool_vectors.shape[1] + 8) * np.finfo(np.float32).eps * reach)


def _complete(distances: Vectors, bound: Vectors, slack: npt.NDArray[Any], pool: int) -> Flags:
    """Whether nothing outside the search can be as near as the last row kept."""
    if bound.shape[1] == pool:
        return np.ones(len(distances), dtype=np.bool_)
    last = np.square(distances[:, -1].astype(np.float64))
    return np.asarray(last < bound[:, -1] - slack)
