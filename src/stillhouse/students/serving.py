"""`serving.json` in a student's folder: what it is asked, how it answers, what its scores mean."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from stillhouse.config.base import Conf, Expression, OfRow, Written
from stillhouse.config.dataset import Fields, Metric, Quoting, Separator
from stillhouse.config.student import StudentDecoding
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.json_text import read_json_object
from stillhouse.core.templates import names_used, render

FORMAT = 1
EARLIER = "decoding.json"
"""What folders of earlier versions have in its place."""


class Calibration(Conf):
    """By what scores are made probabilities, and the expected calibration error on test rows."""

    temperature: float
    validation_rows: int
    """That it was fitted on."""
    ece: float | None
    calibrated_ece: float | None


class Example(Conf):
    """A training row as its source has it, and what the student makes of it."""

    columns: dict[str, Any]
    """Those that the query is made of; its label is none of them."""
    query: str
    choices: tuple[str, ...]
    prediction: str
    score: float | None
    truncated: bool


class Serving(Conf):
    """How a student is asked."""

    format: int
    query: OfRow | Literal[""]
    """The dataset's template of a query, over the columns of a raw row."""
    messages: Expression | None = None
    """In its place, the messages of a conversation."""
    choices: Expression | tuple[Written, ...]
    columns: tuple[str, ...]
    """What the templates read, in the order of the dataset's source."""
    optional: tuple[str, ...]
    """Those that may be empty; a row with another empty one that the query reads is not asked."""
    quoting: Quoting | None
    separator: Separator | None
    """Of the CSV and TSV that it was trained on."""
    labels: tuple[str, ...] | None
    """The choices, where they are the same for every row."""
    metric: Metric
    decoding: StudentDecoding
    calibration: Calibration | None
    """None: scores are given as they are."""
    example: Example | None
    versions: dict[str, str]

    @property
    def fields(self) -> Fields:
        """The templates of a row; there is no label to read."""
        return Fields.model_construct(
            query=self.query,
            messages=self.messages,
            label="" if self.messages is None else None,
            choices=self.choices,
            optional=self.optional,
        )

    def written(self) -> dict[str, Any]:
        """Its values as the file holds them, `messages` only where queries are conversations."""
        values = self.model_dump()
        if self.messages is None:
            del values["messages"]
        return values


def make_serving(
    inputs: Mapping[str, Any],
    metric: Metric,
    decoding: StudentDecoding,
    calibration: Mapping[str, Any],
    example: Mapping[str, Any] | None,
) -> Serving:
    """What a student's folder says of a student whose dataset has these `inputs`.

    `calibration` are the metrics of its scores, `example` is a row with the student's prediction.
    """
    known = {name: calibration.get(name) for name in Calibration.model_fields}
    choices = inputs["choices"]
    fixed = not isinstance(choices, str) and not any(map(names_used, choices))
    return Serving.model_validate(
        {
            "format": FORMAT,
            **{
                name: inputs[name]
                for name in ("query", "choices", "columns", "optional", "quoting", "separator")
            },
            "messages": inputs.get("messages"),
            "labels": [render(each, {}, "choices").strip() for each in choices]
            if fixed and choices
            else None,
            "metric": metric,
            "decoding": decoding.model_dump(),
            "calibration": known if known["temperature"] is not None else None,
            "example": example,
            # Of what is installed: a constant of the code would make a new version rerun all this.
            "versions": {name: version(name) for name in ("stillhouse", "transformers")},
        }
    )


def shown_score(score: float) -> float:
    """A score to as many digits as it is worth; whole texts may be very unlikely."""
    return float(f"{score:.4g}")


def read_serving(folder: Path) -> Serving | None:
    """How the student in a folder is asked; None where nothing says so, as in `model/` alone."""
    file = folder / paths.SERVING
    if not file.is_file():
        if (folder / EARLIER).is_file():
            raise StillhouseError(
                f"{folder} is of an earlier version: it has {EARLIER} and no {paths.SERVING}. Run "
                f"`dvc repro evaluate` where it was made, or give {folder / paths.MODEL} and "
                "queries as the dataset writes them."
            )
        return None
    return parse_serving(read_json_object(file), file)


def parse_serving(values: Mapping[str, Any], file: Path) -> Serving:
    """What a `serving.json` says; `file` names it in an error."""
    if values.get("format") != FORMAT:
        raise StillhouseError(
            f"{file} has format {values.get('format')!r}, this version reads {FORMAT}: run "
            "`dvc repro evaluate` to write it anew."
        )
    try:
        return Serving.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        raise StillhouseError(
            f"{file} is damaged: `{where}`: {detail['msg']}. Fetch the student anew."
        ) from error
