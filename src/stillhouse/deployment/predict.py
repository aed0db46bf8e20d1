"""Predictions of a trained student from its folder alone."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.json_text import read_json_object
from stillhouse.deployment.queries import Query
from stillhouse.students.folder import Manifest, load_student, read_manifest
from stillhouse.students.predict import predict_labels, predict_rationales


@dataclass(frozen=True)
class Prediction:
    """A student's label for one query, and its rationale where asked."""

    query: Query
    label: str
    rationale: str | None


def predict_queries(
    folder: Path, queries: Sequence[Query], compute: StudentCompute, *, rationale: bool = False
) -> list[Prediction]:
    """The student's predictions in order of the queries, with `rationale` their rationales, too.

    Labels are decoded as the test rows were (`decoding.json`). Where that chose among the row's
    choices, queries without choices are decoded freely.
    """
    model = model_folder(folder)
    manifest = read_manifest(model)
    if rationale and not manifest.training.get("rationales"):
        raise StillhouseError(
            f"The student in {folder} was trained on labels alone and has no rationales to give. "
            "Leave out --rationale, or train one with `lambda` above 0."
        )
    decoding = _decoding(folder, manifest, queries)
    student = load_student(model)
    texts = {query.id: query.text for query in queries}
    choices = {query.id: query.choices for query in queries}
    labels = predict_labels(student, texts, decoding, compute, choices)
    rationales = predict_rationales(student, texts, compute) if rationale else {}
    return [Prediction(each, labels[each.id], rationales.get(each.id)) for each in queries]


def model_folder(folder: Path) -> Path:
    """Where the model of a student's folder lies: in `model/`, or in the folder itself."""
    for model in (folder / paths.MODEL, folder):
        if (model / paths.MANIFEST).is_file():
            return model
    if not folder.is_dir():
        near = [path.name for path in folder.parent.glob("*")] if folder.parent.is_dir() else []
        raise StillhouseError(
            f"There is no folder {folder}.{did_you_mean(folder.name, near) if near else ''} Give a "
            "student's folder, then the text; `dvc repro` trains a student, `dvc pull` fetches one."
        )
    raise StillhouseError(
        f"{folder} holds no trained student: neither it nor its {paths.MODEL}/ has a "
        f"{paths.MANIFEST}. `dvc repro` trains one, `dvc pull` fetches one."
    )


def _decoding(folder: Path, manifest: Manifest, queries: Sequence[Query]) -> StudentDecoding:
    file = folder / paths.DECODING
    if not file.is_file():
        return StudentDecoding(max_tokens=manifest.max_target_tokens)
    values = read_json_object(file)
    try:
        found = StudentDecoding.model_validate(values)
    except ValidationError as error:
        raise StillhouseError(f"{file} is damaged: {error.errors()[0]['msg']}.") from error
    if found.decode == "choices" and not all(query.choices for query in queries):
        return found.model_copy(update={"decode": "generate"})
    return found


def as_lines(predictions: Sequence[Prediction]) -> Iterator[str]:
    """A line for each: the label, and behind a tab the rationale."""
    for each in predictions:
        parts = [each.label] if each.rationale is None else [each.label, each.rationale]
        yield "\t".join(" ".join(part.split()) for part in parts)


def as_json_lines(predictions: Sequence[Prediction]) -> Iterator[str]:
    """A JSON object for each: `id`, `query`, `prediction`, and `rationale` where asked."""
    for each in predictions:
        values = {
            "id": each.query.id,
            "query": each.query.text,
            "prediction": each.label,
        }
        if each.rationale is not None:
            values["rationale"] = each.rationale
        line = json.dumps(values, ensure_ascii=False)
        # A terminal must not obey what a model wrote; escaped it is the same JSON.
        yield "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
