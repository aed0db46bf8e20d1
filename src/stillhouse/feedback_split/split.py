"""Choose the student's training rows, their labels and their rationales."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhouse.config.dataset import Metric
from stillhouse.config.knobs import LabelSource, RationaleSource
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.sampling import nested_subset, share_size
from stillhouse.core.tables import Row
from stillhouse.feedback_split.config import FeedbackSplitConfig
from stillhouse.feedback_split.difficulty import difficulties
from stillhouse.feedback_split.own import kept
from stillhouse.hooks.reference import is_reference
from stillhouse.kinds.registry import kind_of

SUBSET = "fraction"
"""Seeds the nested subsets. Fixed: a fraction names the same rows in every experiment."""

_NOT_ASKED = {"label": None, "rationale": None, "status": None}


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
    rows = []
    for id_ in chosen.ids:
        example = chosen.examples[id_]
        row = _row(example, chosen.teacher.get(id_, _NOT_ASKED), label_source, "none")
        asked = {column: row[column] for column in ("id", "query", "label")}
        rows.append(asked | {"choices": example["choices"]})
    return rows


def choose_rows(
    examples: Iterable[Row],
    parsed: Sequence[Row],
    verdicts: Sequence[Row],
    config: FeedbackSplitConfig,
) -> tuple[list[Row], dict[str, int]]:
    """Rows of table `chosen`, and the content of metrics/chosen.json.

    A null label leaves its row out; a null rationale does not, the row still trains its label.
    The filter `correct` leaves out the rows whose teacher label is not the gold one. With the
    filter `consistent` a rationale goes that does not end, under the dataset's metric, on the label
    that its row trains with, but on another answer or on none: a teacher's label is never held
    against gold. A filter of the project's own takes either's place.
    `feedback` says how hard each row is; rows without a verdict are neither hard nor easy.
    """
    label_source, rationale_source = config.label_source, config.rationale_source
    metric = config.dataset.answer.metric
    taken = take_fraction(examples, parsed, fraction=config.fraction, label_source=label_source)
    known, teacher, chosen = taken.examples, taken.teacher, taken.ids
    hardness = difficulties(
        verdicts, config.feedback, tau=config.tau, hard_at_tau=config.hard_at_tau
    )
    rows = [
        _row(known[id_], teacher.get(id_, _NOT_ASKED), label_source, rationale_source)
        | {"difficulty": hardness.get(id_)}
        for id_ in chosen
    ]
    labelled = [row for row in rows if row["label"] is not None]
    _require_labels(len(labelled), len(chosen), label_source)
    without_label = len(chosen) - len(labelled)
    filter_ = config.label_filter
    if filter_ == "correct":
        labelled = _correct(labelled, known, teacher, metric)
    elif is_reference(filter_):
        labelled = _kept(labelled, kept("label_filter", filter_, labelled, known, teacher), filter_)
    _require_rationales(labelled, rationale_source)
    metrics = {
        "candidates": taken.candidates,
        "selected": len(chosen),
        "without_label": without_label,
        "rows": len(labelled),
    }
    left_out = len(chosen) - without_label - len(labelled)
    if filter_ == "correct":
        metrics["incorrect_label"] = left_out
    elif filter_ != "none":
        metrics["rejected"] = left_out
    filter_ = config.rationale_filter
    if filter_ == "consistent":
        labelled, metrics["inconsistent_rationale"] = _consistent(labelled, known, metric)
    elif is_reference(filter_):
        explained = [row for row in labelled if row["rationale"] is not None]
        keeps = kept("rationale_filter", filter_, explained, known, teacher)
        labelled = _without_rejected(labelled, explained, keeps, filter_)
        metrics["rejected_rationale"] = keeps.count(False)
    metrics["without_rationale"] = sum(row["rationale"] is None for row in labelled)
    if config.feedback != "none":
        counts = Counter(row["difficulty"] for row in labelled)
        metrics |= {
            "hard": counts["hard"],
            "easy": counts["easy"],
            "without_verdict": counts[None],
        }
    return labelled, metrics


def _correct(
    rows: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    teacher: Mapping[str, Mapping[str, Any]],
    metric: Metric,
) -> list[Row]:
    """The rows whose teacher label is right; of a row without gold nobody can say."""
    kept = []
    for row in rows:
        said = teacher.get(row["id"], _NOT_ASKED)["label"]
        gold, choices = examples[row["id"]]["label"], examples[row["id"]]["choices"]
        if None not in (said, gold) and kind_of(metric, choices).score(said, gold) == 1:
            kept.append(row)
    if not kept:
        raise StillhouseError(
            f"`label_filter: correct` leaves no row: of {len(rows)} none has a teacher label that "
            "is the gold one. A prompt that shows the label (`reply: rationale`) asks for none. "
            "Set `label_filter: none`, or another `prompt`."
        )
    return kept


def _kept(rows: Sequence[Row], keeps: Sequence[bool], filter_: str) -> list[Row]:
    if not any(keeps):
        raise StillhouseError(
            f"`label_filter: {filter_}` leaves no row: it keeps none of {len(rows)}. Correct the "
            "function, or set `label_filter: none`."
        )
    return [row for row, keep in zip(rows, keeps, strict=True) if keep]


def _without_rejected(
    rows: Sequence[Row], explained: Sequence[Row], keeps: Sequence[bool], filter_: str
) -> list[Row]:
    """The rows, without the rationales that a filter does not keep of those `explained`."""
    if explained and not any(keeps):
        raise StillhouseError(
            f"`rationale_filter: {filter_}` leaves no rationale: it keeps none of "
            f"{len(explained)}. Correct the function, or set `rationale_filter: none`."
        )
    rejected = {row["id"] for row, keep in zip(explained, keeps, strict=True) if not keep}
    return [row | {"rationale": None} if row["id"] in rejected else row for row in rows]


def _consistent(
    rows: Sequence[Row], examples: Mapping[str, Mapping[str, Any]], metric: Metric
) -> tuple[list[Row], int]:
    """The rows without the rationales that end on another answer or on none; how many."""
    kept, dropped = [], 0
    for row in rows:
        kind, rationale = kind_of(metric, examples[row["id"]]["choices"]), row["rationale"]
        if rationale is None or kind.ends_on(rationale, row["label"]):
            kept.append(row)
        else:
            kept.append(row | {"rationale": None})
            dropped += 1
    if dropped and all(row["rationale"] is None for row in kept):
        raise StillhouseError(
            f"`rationale_filter: consistent` leaves no rationale: all {dropped} end on another "
            "answer than their row's label, or on none. Rationales that do not work out the "
            "answer cannot be judged this way: set `rationale_filter: none`."
        )
    return kept, dropped


def validation_rows(examples: Iterable[Row], parsed: Iterable[Row]) -> list[Row]:
    """Rows of table `validation`: the validation split with its gold labels, or the teacher's where
    it has none; a row that has neither is left out.

    Training reads these, not the examples, so that no test row is within its reach.
    """
    teacher = by_id([row for row in parsed if row["sample"] == 0], "parsed")
    rows = []
    for row in examples:
        label = row["label"] or teacher.get(row["id"], _NOT_ASKED)["label"]
        if row["split"] == "validation" and label is not None:
            rows.append({"id": row["id"], "query": row["query"], "label": label})
    return rows


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
        "'teacher'. Either the prompt asks for no label (`reply: rationale`) or leaves out their "
        "split, or no completion could be read (see metrics/parse.json). Set "
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
        "'teacher'. Either the prompt asks for no rationale (`reply: label`) or leaves out their "
        "split, or no completion could be read (see metrics/parse.json). Set "
        "`rationale_source: none`, or a `prompt` that asks for a rationale."
    )
