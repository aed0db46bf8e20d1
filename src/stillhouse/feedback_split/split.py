"""Choose the student's training rows, their labels and their rationales."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhouse.config.dataset import Metric
from stillhouse.config.knobs import (
    Feedback,
    LabelFilter,
    LabelSource,
    RationaleFilter,
    RationaleSource,
)
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.sampling import nested_subset, share_size
from stillhouse.core.tables import Row
from stillhouse.feedback_split.difficulty import difficulties
from stillhouse.kinds.registry import kind_of

SUBSET = "fraction"
"""Seeds the nested subsets. Fixed: a fraction names the same rows in every experiment."""

_NOT_ASKED = {"label": None, "rationale": None}


@dataclass(frozen=True)
class Chosen:
    """The rows that `fraction` takes, with what the teacher said about them."""

    examples: Mapping[str, Mapping[str, Any]]
    teacher: Mapping[str, Mapping[str, Any]]
    candidates: int
    ids: list[str]


def take_fraction(
    examples: Iterable[Row], parsed: Sequence[Row], *, fraction: float, label_source: LabelSource
) -> Chosen:
    """A nested subset of the candidates, before anything is left out.

    The candidates are the train rows and, with teacher labels, the unlabelled rows that the teacher
    was asked about. Every source of labels starts from the same rows. Of several samples the
    teacher's first counts.
    """
    known = by_id(examples, "examples")
    require_ids((row["id"] for row in parsed), known, "parsed", "examples")
    teacher = by_id([row for row in parsed if row["sample"] == 0], "parsed")
    candidates = [id_ for id_, row in known.items() if row["split"] == "train"]
    if label_source == "teacher":
        candidates += [id_ for id_ in teacher if known[id_]["split"] == "unlabelled"]
    chosen = nested_subset(candidates, share_size(len(candidates), fraction), SUBSET)
    return Chosen(known, teacher, len(candidates), sorted(chosen))


def rows_to_predict(
    examples: Iterable[Row], parsed: Sequence[Row], fraction: float, label_source: LabelSource
) -> list[Row]:
    """The rows that the student is asked: id, query, choices, and label (null without one)."""
    chosen = take_fraction(examples, parsed, fraction=fraction, label_source=label_source)
    rows = [
        _row(chosen.examples[id_], chosen.teacher.get(id_, _NOT_ASKED), label_source, "none")
        for id_ in chosen.ids
    ]
    choices = {id_: chosen.examples[id_]["choices"] for id_ in chosen.ids}
    return [
        {column: row[column] for column in ("id", "query", "label")}
        | {"choices": choices[row["id"]]}
        for row in rows
    ]


def choose_rows(
    examples: Iterable[Row],
    parsed: Sequence[Row],
    verdicts: Sequence[Row] = (),
    *,
    fraction: float,
    label_source: LabelSource,
    label_filter: LabelFilter,
    rationale_source: RationaleSource,
    rationale_filter: RationaleFilter,
    metric: Metric,
    feedback: Feedback,
    tau: float,
    hard_at_tau: bool,
) -> tuple[list[Row], dict[str, int]]:
    """Rows of table `chosen`, and the content of metrics/chosen.json.

    A null label leaves its row out; a null rationale does not, the row still trains its label.
    The filter `correct` leaves out the rows whose teacher label is not the gold one. With the
    filter `consistent` a rationale goes that ends on another answer, under `metric`, than the
    label that its row trains with: a teacher's label is never held against gold.
    `feedback` says how hard each row is; rows without a verdict are neither hard nor easy.
    """
    taken = take_fraction(examples, parsed, fraction=fraction, label_source=label_source)
    known, teacher, chosen = taken.examples, taken.teacher, taken.ids
    hardness = difficulties(verdicts, feedback, tau=tau, hard_at_tau=hard_at_tau)
    rows = [
        _row(known[id_], teacher.get(id_, _NOT_ASKED), label_source, rationale_source)
        | {"difficulty": hardness.get(id_)}
        for id_ in chosen
    ]
    labelled = [row for row in rows if row["label"] is not None]
    _require_labels(len(labelled), len(chosen), label_source)
    without_label = len(chosen) - len(labelled)
    if label_filter == "correct":
        labelled = _correct(labelled, known, teacher, metric)
    _require_rationales(labelled, rationale_source)
    metrics = {
        "candidates": taken.candidates,
        "selected": len(chosen),
        "without_label": without_label,
        "rows": len(labelled),
    }
    if label_filter == "correct":
        metrics["incorrect_label"] = len(chosen) - without_label - len(labelled)
    if rationale_filter == "consistent":
        labelled, metrics["inconsistent_rationale"] = _consistent(labelled, known, metric)
    metrics["without_rationale"] = sum(row["rationale"] is None for row in labelled)
    if feedback != "none":
        metrics |= _difficulty_counts(labelled)
    return labelled, metrics


def _difficulty_counts(rows: Sequence[Row]) -> dict[str, int]:
    counts = Counter(row["difficulty"] for row in rows)
    return {"hard": counts["hard"], "easy": counts["easy"], "without_verdict": counts[None]}


def _correct(
    rows: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    teacher: Mapping[str, Mapping[str, Any]],
    metric: Metric,
) -> list[Row]:
    """The rows whose teacher label is right; of a row without gold nobody can say."""
    kept = [
        row
        for row in rows
        if row["id"] in teacher and _is_right(teacher[row["id"]], examples[row["id"]], metric)
    ]
    if not kept:
        raise StillhouseError(
            f"`label_filter: correct` leaves no row: of {len(rows)} none has a teacher label that "
            "is the gold one. A prompt that shows the label (`reply: rationale`) asks for none. "
            "Set `label_filter: none`, or another `prompt`."
        )
    return kept


def _is_right(parsed: Mapping[str, Any], row: Mapping[str, Any], metric: Metric) -> bool:
    said, gold = parsed["label"], row["label"]
    if said is None or gold is None:
        return False
    return kind_of(metric, row["choices"]).score(said, gold) == 1


def _consistent(
    rows: Sequence[Row], examples: Mapping[str, Mapping[str, Any]], metric: Metric
) -> tuple[list[Row], int]:
    """The rows without the rationales that end on another answer than the label; how many."""
    kept = [
        row if _is_consistent(row, examples[row["id"]], metric) else row | {"rationale": None}
        for row in rows
    ]
    dropped = sum(one is not other for one, other in zip(rows, kept, strict=True))
    if dropped and all(row["rationale"] is None for row in kept):
        raise StillhouseError(
            f"`rationale_filter: consistent` leaves no rationale: all {dropped} end on another "
            "answer than their row's label, or on none. Rationales that do not work out the "
            "answer cannot be judged this way: set `rationale_filter: none`."
        )
    return kept, dropped


def _is_consistent(chosen: Row, row: Mapping[str, Any], metric: Metric) -> bool:
    rationale = chosen["rationale"]
    kind = kind_of(metric, row["choices"])
    return rationale is None or kind.ends_on(rationale, chosen["label"])


def validation_rows(examples: Iterable[Row]) -> list[Row]:
    """Rows of table `validation`: the validation split with its gold labels.

    Training reads these, not the examples, so that no test row is within its reach.
    """
    return [
        {column: row[column] for column in ("id", "query", "label")}
        for row in examples
        if row["split"] == "validation"
    ]


def _row(
    row: Mapping[str, Any],
    parsed: Mapping[str, Any],
    label_source: LabelSource,
    rationale_source: RationaleSource,
) -> Row:
    rationales = {
        "teacher": parsed["rationale"],
        "gold": row["gold_rationale"],
        "none": None,
    }
    return {
        "id": row["id"],
        "query": row["query"],
        "label": parsed["label"] if label_source == "teacher" else row["label"],
        "rationale": rationales[rationale_source],
        "difficulty": None,
    }


def _require_labels(labelled: int, chosen: int, source: LabelSource) -> None:
    if labelled:
        return
    if source == "gold":
        raise StillhouseError(
            f"None of the {chosen} chosen train rows of data/examples.parquet has a gold "
            "label, and `label_source` is 'gold': there is nothing to train on. Check the "
            "dataset's `splits` and `fields.label`, or set `label_source: teacher`."
        )
    raise StillhouseError(
        f"None of the {chosen} chosen rows has a teacher label, and `label_source` is "
        "'teacher'. Either the prompt asks for no label (`reply: rationale`) or leaves out the "
        "train split, or no completion could be read (see metrics/parse.json). Set "
        "`label_source: gold`, or a `prompt` that asks for a label."
    )


def _require_rationales(rows: Sequence[Row], source: RationaleSource) -> None:
    if source == "none" or any(row["rationale"] is not None for row in rows):
        return
    if source == "gold":
        raise StillhouseError(
            f"None of the {len(rows)} chosen rows has a gold rationale, and `rationale_source` is "
            "'gold'. The dataset has none, or its entry has no `fields.rationale`. Set "
            "`rationale_source: teacher` or `none`, or choose another `dataset`."
        )
    raise StillhouseError(
        f"None of the {len(rows)} chosen rows has a teacher rationale, and `rationale_source` is "
        "'teacher'. Either the prompt asks for no rationale (`reply: label`) or leaves out the "
        "train split, or no completion could be read (see metrics/parse.json). Set "
        "`rationale_source: none`, or a `prompt` that asks for a rationale."
    )
