"""Texts as numbers: TF-IDF of words and of parts of words, and the queries' embeddings."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from scipy.sparse import csr_matrix

    Matrix: TypeAlias = csr_matrix | npt.NDArray[np.float32]

WORDS = {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"}
PARTS = {"analyzer": "char_wb", "ngram_range": (3, 5)}
"""Words and pairs of them; three to five letters of a word, so that an ending, a slip and a script
without spaces are no other word."""
MOST_CHARACTERS = 10_000_000
"""Of all texts together, above which parts of words are left out: they add least to long texts,
and cost most there."""
COMMON = 0.1
"""Share of the rows in which a feature says nothing of how alike two of them are."""
COMMON_ROWS = 50


class Tfidf:
    """TF-IDF of words and of parts of words; of each sort a text's numbers have length one."""

    def __init__(self, texts: Sequence[str]) -> None:
        """The features of these texts; `fitted` has their own numbers: (texts, features) each."""
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer

        sorts = (WORDS, PARTS) if sum(map(len, texts)) <= MOST_CHARACTERS else (WORDS,)
        vectorizers = [
            TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **sort) for sort in sorts
        ]
        self.parts = [part for part in vectorizers if _has_any(part, texts)]
        self.fitted: list[csr_matrix] = [part.fit_transform(texts) for part in self.parts]

    def of(self, texts: Sequence[str]) -> "list[csr_matrix]":
        """The numbers of other texts, those of words and of parts of words apart."""
        return [part.transform(texts) for part in self.parts]


def side_by_side(matrices: "Sequence[Matrix]") -> "csr_matrix":
    """Several sorts of features as one matrix: (texts, features)."""
    from scipy.sparse import hstack

    return hstack(matrices).tocsr()


def _has_any(vectorizer: Any, texts: Iterable[str]) -> bool:
    """Whether any text has a feature of this sort: scikit-learn refuses none."""
    analyze = vectorizer.build_analyzer()
    return any(analyze(text) for text in texts)


def telling(matrix: "csr_matrix") -> "npt.NDArray[np.int64]":
    """The features that few enough rows have for two of them to be alike by it."""
    import numpy as np

    return np.flatnonzero(_rows_with(matrix) <= max(COMMON * matrix.shape[0], COMMON_ROWS))


def frequent(matrix: "csr_matrix", most: int) -> "npt.NDArray[np.int64]":
    """The features that most rows have, at most so many; of equals the first."""
    import numpy as np

    return np.sort(np.argsort(-_rows_with(matrix), kind="stable")[:most])


def _rows_with(matrix: "csr_matrix") -> "npt.NDArray[np.int64]":
    """How many rows have each feature."""
    import numpy as np

    return np.bincount(matrix.indices, minlength=matrix.shape[1])


def unit_vectors(table: "pa.Table") -> "tuple[dict[str, int], npt.NDArray[np.float32]]":
    """Where each id's embedding stands, and the embeddings at length one: (rows, dimension)."""
    import numpy as np
    import pyarrow.compute as pc

    ids = [str(id_) for id_ in table["id"].to_pylist()]
    values = pc.list_flatten(table["vector"]).to_numpy()
    vectors = values.reshape(len(ids), -1) if ids else values.reshape(0, 0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    place = {id_: position for position, id_ in enumerate(ids)}
    return place, np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
