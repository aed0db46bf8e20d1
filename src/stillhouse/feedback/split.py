"""Choose the student's training rows, their labels and their rationales."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.sampling import nested_subset, share_size
from stillhouse.core.tables import Row

LabelSource = Literal["gold", "teacher"]
RationaleSource = Literal["teacher", "gold", "none"]

SUBSET = "fraction"
"""Seeds the nested subsets. Fixed: a fraction names the same rows in every experiment."""

_NOT_ASKED = {"label": None, "rationale": None}


def choose_rows(
    examples: Iterable[Row],
    parsed: Sequence[Row],
    *,
    fraction: float,
    label_source: LabelSource,
    rationale_source: RationaleSource,
    feedback: str,
) -> tuple[list[Row], dict[str, int]]:
    """Rows of table `splits`, and the content of metrics/feedback.json.

    The candidates are the train rows and, with teacher labels, the unlabelled rows that the teacher
    was asked about. `fraction` takes a nested subset of them before anything is left out, so that
    every source of labels starts from the same rows. Of several samples the teacher's first counts.
    A null label leaves its row out; a null rationale does not, the row still trains its label.
    """
    _require_built(feedback)
    known = by_id(examples, "examples")
    require_ids((row["id"] for row in parsed), known, "parsed", "examples")
    teacher = by_id([row for row in parsed if row["sample"] == 0], "parsed")
    candidates = [id_ for id_, row in known.items() if row["split"] == "train"]
    if label_source == "teacher":
        candidates += [id_ for id_ in teacher if known[id_]["split"] == "unlabelled"]
    chosen = nested_subset(candidates, share_size(len(candidates), fraction), SUBSET)
    rows = [
        _row(known[id_], teacher.get(id_, _NOT_ASKED), label_source, rationale_source)
        for id_ in sorted(chosen)
    ]
    labelled = [row for row in rows if row["label"] is not None]
    without_rationale = sum(row["rationale"] is None for row in labelled)
    _require_labels(len(labelled), len(chosen), label_source)
    _require_rationales(len(labelled), without_rationale, rationale_source)
    return labelled, {
        "candidates": len(candidates),
        "selected": len(chosen),
        "without_label": len(chosen) - len(labelled),
        "without_rationale": without_rationale,
        "rows": len(labelled),
    }


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
    example: Mapping[str, Any],
    parsed: Mapping[str, Any],
    label_source: LabelSource,
    rationale_source: RationaleSource,
) -> Row:
    rationales = {
        "teacher": parsed["rationale"],
        "gold": example["gold_rationale"],
        "none": None,
    }
    return {
        "id": example["id"],
        "query": example["query"],
        "label": parsed["label"] if label_source == "teacher" else example["label"],
        "rationale": rationales[rationale_source],
        "difficulty": None,
    }


def _require_built(feedback: str) -> None:
    if feedback != "none":
        raise StillhouseError(
            f"`feedback` is {feedback!r} in params.yaml, but choosing hard rows by the student's "
            "mistakes is not built yet. What works today is `feedback: none`, with `fraction`, "
            "`label_source` and `rationale_source`."
        )


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


def _require_rationales(rows: int, without: int, source: RationaleSource) -> None:
    if source == "none" or without < rows:
        return
    if source == "gold":
        raise StillhouseError(
            f"None of the {rows} chosen rows has a gold rationale, and `rationale_source` is "
            "'gold'. The dataset has none, or its conf has no `fields.rationale`. Set "
            "`rationale_source: teacher` or `none`, or choose another `dataset`."
        )
    raise StillhouseError(
        f"None of the {rows} chosen rows has a teacher rationale, and `rationale_source` is "
        "'teacher'. Either the prompt asks for no rationale (`reply: label`) or leaves out the "
        "train split, or no completion could be read (see metrics/parse.json). Set "
        "`rationale_source: none`, or a `prompt` that asks for a rationale."
    )
