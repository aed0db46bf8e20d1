"""What the page is made of: a run's figures, tables and configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.knobs import Knobs
from stillhouse.config.student import ServedModel, StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.tables import Row
from stillhouse.kinds.measures import NAMED, Measure
from stillhouse.parse.form import Form
from stillhouse.report.against import TEACHER, teacher_of
from stillhouse.report.cost import Rates
from stillhouse.report.joined import Tables, joined

Seconds = Mapping[str, float]


@dataclass(frozen=True)
class Run:
    """One run of the pipeline."""

    found: Mapping[str, Any]
    """metrics/report.json."""
    tables: Tables
    """Predictions of the references and of the models of `zero_shot` among them."""
    curves: Mapping[int, str]
    """The training curve of each seed, as CSV."""
    form: Form
    knobs: Mapping[str, Any]
    inputs: tuple[tuple[str, str, str], ...]
    """What went in: what it is, the name of its entry, where it comes from with its revision."""
    rates: Rates
    seconds: Seconds
    """Of the latest run of each stage. An output has none, since they differ between equal runs."""

    @property
    def measure(self) -> Measure:
        """What the scores are."""
        return NAMED[self.found["measure"]]

    @property
    def seeds(self) -> list[int]:
        """The seeds of the students."""
        return list(self.found["run"]["seeds"])

    def rows(self) -> list[Row]:
        """`joined` rows with the student's `score`, the mean over its seeds, and `teacher_score`;
        each None where there is none.
        """
        asked = teacher_of(self.found["against"])
        rows = joined(self.tables, self.form.answer)
        for row in rows:
            row["score"] = _mean(row, [f"seed={seed}" for seed in self.seeds])
            row["teacher_score"] = row["agrees"] if row["agrees"] is None else float(row["agrees"])
            if row["agrees"] is None and asked not in (None, TEACHER):
                row["teacher_score"] = row["predictions"].get(asked, {}).get("score")
        return rows


def _mean(row: Row, models: list[str]) -> float | None:
    scores = [row["predictions"][name]["score"] for name in models if name in row["predictions"]]
    if not scores or None in scores:
        return None
    return float(sum(scores)) / len(scores)


def knob_values(knobs: Knobs | Mapping[str, Any]) -> dict[str, Any]:
    """The knobs by the names that params.yaml has for them."""
    if isinstance(knobs, Knobs):
        return knobs.model_dump(mode="json", by_alias=True)
    aliases = {name: field.alias or name for name, field in Knobs.model_fields.items()}
    return {aliases[name]: value for name, value in knobs.items()}


def inputs(
    knobs: Mapping[str, Any],
    dataset: DatasetConf,
    teacher: TeacherConf,
    student: StudentConf,
    embedder: EmbedderConf,
) -> tuple[tuple[str, str, str], ...]:
    """Data and models with the sources that pin them."""
    model = student.model
    own = model.name if isinstance(model, ServedModel) else model.source
    found = [
        ("Dataset", knobs["dataset"], str(dataset.source)),
        ("Teacher", knobs["teacher"], f"{teacher.model.name}: {teacher.model.source}"),
        ("Prompt", knobs["prompt"], "rendered with each row"),
        ("Student", knobs["student"], str(own or "random weights")),
    ]
    if knobs["exemplars"] == "topk":
        found.append(("Embedder", knobs["embedder"], str(embedder.source)))
    return tuple(found)
