"""Reference rows: what a bag of words and the nearest rows make of the student's training rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from stillhouse.config.dataset import Answer
from stillhouse.core.joins import by_id
from stillhouse.core.sampling import shuffled
from stillhouse.core.tables import Row
from stillhouse.evaluate.scoring import Metrics, labelled_rows, score
from stillhouse.kinds.measures import measure_of
from stillhouse.kinds.registry import kind_of
from stillhouse.references.features import Tfidf, frequent, side_by_side, telling, unit_vectors
from stillhouse.references.models import Split, by_neighbours, by_regression, features_for
from stillhouse.references.pairs import by_pairs

if TYPE_CHECKING:
    import pyarrow as pa

    from stillhouse.references.features import Matrix

Rows = Sequence[Mapping[str, Any]]
Form = Literal["classes", "choices", "free"]
"""What labels are: of a few classes, of choices of each row's own, or free."""

MOST_CLASSES = 100
"""Different labels without choices that are taken for classes."""
MOST_CHARACTERS = 50_000_000
"""Of the training queries together: of more, so many that a hash of their ids takes."""
TFIDF_STRENGTH = 10.0
EMBEDDINGS_STRENGTH = 1.0
"""C without validation rows; docs/evaluation.md says what it was chosen by."""


@dataclass(frozen=True)
class Reference:
    """The label that a model predicts for each test row, and what stands beside its scores."""

    predictions: Sequence[str]
    details: Mapping[str, Any]


def score_references(
    examples: Rows, training: Rows, embeddings: "pa.Table", answer: Answer
) -> tuple[list[Row], dict[str, Metrics]]:
    """Rows of table `references`, and the metrics of each model that could be trained.

    `training` has the student's rows and labels, `embeddings` a vector for each row of the dataset
    or none. Models that the data leaves nothing to learn for are left out; of answers with graded
    scores all are: they choose among labels, and such answers are texts of one's own.
    """
    if measure_of(answer.metric).graded:
        return [], {}
    data = Data.of(examples, training, embeddings, answer)
    table: list[Row] = []
    metrics: dict[str, Metrics] = {}
    for name, reference in _references(data).items():
        if reference is None:
            continue
        ids = [row["id"] for row in data.test]
        predictions = dict(zip(ids, reference.predictions, strict=True))
        rows, scores = score(predictions, data.test, answer)
        table += [{"model": name, **row} for row in rows]
        metrics[name] = {**scores, **reference.details}
    return table, metrics


@dataclass(frozen=True)
class Data:
    """What references are trained, chosen and scored on."""

    training: Rows
    """`id`, `query`, `label` and, of the dataset's own rows, `choices`; in the order of ids."""
    validation: Rows
    test: Rows
    answer: Answer
    embeddings: "pa.Table"

    @classmethod
    def of(cls, examples: Rows, training: Rows, embeddings: "pa.Table", answer: Answer) -> "Data":
        """The rows of each split that have a label."""
        known = by_id(examples, "examples")
        rows = [
            {
                **{name: row[name] for name in ("id", "query", "label")},
                "choices": known[row["id"]]["choices"] if row["id"] in known else [],
            }
            for row in _within_reach(training)
        ]
        validation, test = (labelled_rows(examples, split) for split in ("validation", "test"))
        return cls(rows, validation, test, answer, embeddings)

    @cached_property
    def form(self) -> Form:
        """What the labels are."""
        lists = {frozenset(row["choices"]) for row in self.test}
        if all(lists):
            return "classes" if len(lists) == 1 else "choices"
        few = min(MOST_CLASSES, len(self.training) // 2)
        several = len({row["label"] for row in self.training}) <= few
        return "classes" if several and self.answer.metric == "exact" else "free"

    @cached_property
    def tfidf(self) -> Split:
        """The queries' features, those of the training rows."""
        features = Tfidf([row["query"] for row in self.training])

        def of(rows: Rows) -> "Matrix":
            return side_by_side(features.of([row["query"] for row in rows]))

        validation = of(self.validation) if self.validation else None
        return Split(side_by_side(features.fitted), of(self.test), validation)

    def right(self, predictions: Iterable[str]) -> float:
        """The share of the validation rows that predictions, in their order, get right."""
        scores = [
            kind_of(self.answer.metric, row["choices"]).score(str(label), row["label"])
            for row, label in zip(self.validation, predictions, strict=True)
        ]
        return sum(scores) / len(scores)


def _references(data: Data) -> dict[str, Reference | None]:
    if not data.training or not data.test:
        return {}
    if data.form == "choices":
        return {"logistic_tfidf": _pairs(data)}
    if data.form == "free":
        return {"nearest_neighbour": _nearest(data)}
    return {
        "logistic_tfidf": _logistic_tfidf(data),
        "logistic_embeddings": _logistic_embeddings(data),
        "nearest_neighbour": _nearest(data),
    }


def _pairs(data: Data) -> Reference | None:
    listed = [row for row in data.training if row["choices"]]
    found = by_pairs(listed, data.test, data.validation, data.right)
    if found is None:
        return None
    predictions, strength = found
    return Reference(predictions, {"trained_on": len(listed), "strength": strength})


def _logistic_tfidf(data: Data) -> Reference | None:
    labels = [row["label"] for row in data.training]
    if len(set(labels)) < 2:
        return None
    split = data.tfidf.only(frequent(data.tfidf.training, features_for(len(set(labels)))))
    found, strength = by_regression(split, labels, data.right, TFIDF_STRENGTH)
    return Reference(found, {"trained_on": len(labels), "strength": strength})


def _logistic_embeddings(data: Data) -> Reference | None:
    split, labels = _embedded(data)
    if len(set(labels)) < 2:
        return None
    found, strength = by_regression(split, labels, data.right, EMBEDDINGS_STRENGTH)
    return Reference(found, {"trained_on": len(labels), "strength": strength})


def _nearest(data: Data) -> Reference:
    """By embedding where training rows have one, else by TF-IDF."""
    split, labels = _embedded(data)
    by = "embeddings"
    if not labels:
        split, labels, by = _alike(data.tfidf), [row["label"] for row in data.training], "tfidf"
    found, count = by_neighbours(split, labels, data.right, vote=data.form == "classes")
    return Reference(found, {"trained_on": len(labels), "neighbours": count, "by": by})


def _alike(split: Split) -> Split:
    """The same with the features by which rows can be alike, at length one again."""
    from sklearn.preprocessing import normalize

    kept = split.only(telling(split.training))
    validation = None if kept.validation is None else normalize(kept.validation)
    return Split(normalize(kept.training), normalize(kept.test), validation)


def _embedded(data: Data) -> tuple[Split, list[str]]:
    """The vectors, and the labels of the training rows that have one: synthetic ones have none."""
    places, vectors = unit_vectors(data.embeddings)

    def of(rows: Rows) -> "Matrix":
        return vectors[[places[row["id"]] for row in rows]]

    training = [row for row in data.training if row["id"] in places]
    if not training:
        return Split(vectors, vectors), []
    validation = of(data.validation) if data.validation else None
    split = Split(of(training), of(data.test), validation)
    return split, [row["label"] for row in training]


def _within_reach(training: Rows) -> Rows:
    """As many rows as a minute and a few gigabytes allow, nested by a hash; ordered by id."""
    rows = by_id(training, "training")
    kept: list[str] = []
    characters = 0
    for id_ in shuffled(rows, "references"):
        characters += len(rows[id_]["query"])
        if kept and characters > MOST_CHARACTERS:
            break
        kept.append(id_)
    return [rows[id_] for id_ in sorted(kept)]
