"""What `stillhouse sample` does: draw a sheet from the tables of a run, and read one back."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stillhouse.config.dataset import UNLABELLED, DatasetConf
from stillhouse.config.whole import load_all
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id
from stillhouse.core.tables import EXAMPLES, PARSED, Row
from stillhouse.kinds.measures import measure_of
from stillhouse.sheets import draw, estimate, labels, sheet
from stillhouse.sheets.draw import By, Candidate


def draw_sheet(
    out: Path, count: int, by: By, *, split: str, seed: int, show_teacher: bool
) -> Iterator[str]:
    """Write a sheet of `count` rows of a split; yields what there is to say of it."""
    name, dataset = _dataset()
    examples, metric = EXAMPLES.read_rows(), dataset.answer.metric
    parsed = PARSED.read_rows() if by == "label" or PARSED.path.exists() else []
    if by == "none" and split not in _asked(examples, parsed):
        parsed = [{"id": row["id"], "sample": 0, "label": None} for row in examples]
    population = draw.candidates(examples, parsed, metric, split)
    drawn = draw.draw(population, count, by, seed)
    known = labels.read_label_file(labels.label_file(name))
    sheet.write_sheet(out, drawn, known, show_teacher=show_teacher)
    strata = Counter(row.stratum for row in drawn)
    shares = ", ".join(f"{number} {label}" for label, number in sorted(strata.items()))
    said = f" ({shares}, as the teacher says)" if by == "label" else ""
    yield f"{len(drawn):,} of {len(population):,} {split} rows in {out}{said}."
    yield from estimate.foretold(population, drawn, by)
    filled = sum(row.id in known for row in drawn)
    if filled:
        yield f"{filled:,} of them were labelled before, and are filled in."
    yield f"Fill in the column `label`, then run `stillhouse sample --read {out}`."


def read_back(path: Path, *, seed: int) -> Iterator[str]:
    """Check a sheet and keep its labels by id; yields the teacher's accuracy, and what to do."""
    name, dataset = _dataset()
    examples, metric = EXAMPLES.read_rows(), dataset.answer.metric
    known = by_id(examples, EXAMPLES.name)
    given = labels.labels_of(path, sheet.read_sheet(path), known, metric)
    file = labels.label_file(name)
    before = labels.read_label_file(file)
    new = given.keys() - before.keys()
    changed = sum(before.get(id_, label) != label for id_, label in given.items())
    labels.write_label_file(file, before | given)
    yield f"{len(given):,} labels in {file}: {len(new):,} new, {changed:,} changed."
    if PARSED.path.exists():
        population = _population(examples, PARSED.read_rows(), dataset, given)
        yield from _measured(population, given, dataset, seed)
    yield from _to_use(name, dataset, file)


def _population(
    examples: list[Row], parsed: list[Row], dataset: DatasetConf, given: dict[str, str]
) -> list[Candidate]:
    """What the sheet was drawn from: the splits that its rows are of, or were before they were
    labelled.
    """
    splits = {row["split"] for row in examples if row["id"] in given}
    origins = {s for s in splits if s not in dataset.splits or not dataset.has_labels(s)}
    origins |= {UNLABELLED} if splits - origins else set()
    rows = [row for row in examples if row["split"] in origins or row["id"] in given]
    return draw.as_candidates(rows, parsed, dataset.answer.metric)


def _measured(
    population: list[Candidate], given: dict[str, str], dataset: DatasetConf, seed: int
) -> Iterator[str]:
    found = estimate.teacher_accuracy(population, given, dataset.answer.metric)
    if found is None:
        yield "The teacher was asked about none of them."
        return
    yield from estimate.lines(found)
    if draw.drawn_as(population, given, seed) is None:
        yield (
            "These are not the rows that would be drawn now: the teacher, the data or the seed is "
            "another, or rows were taken out. The weights are those of today's labels."
        )


def _to_use(name: str, dataset: DatasetConf, file: Path) -> Iterator[str]:
    if any(split.labels == file.as_posix() for split in dataset.splits.values()):
        yield f"conf/dataset/{name}.yaml reads them; `dvc repro` goes on from there."
        return
    yield f"To score students on them, write below `splits` in conf/dataset/{name}.yaml"
    yield f"  test: {{hold_out_from: {UNLABELLED}, labels: {file.as_posix()}}}"
    yield (
        "A sheet that is balanced by labels holds each in equal shares, and so does a student's "
        "accuracy on it; `--by none` draws rows as often as they occur."
    )


def _asked(examples: list[Row], parsed: list[Row]) -> set[str]:
    ids = {row["id"] for row in parsed}
    return {row["split"] for row in examples if row["id"] in ids}


def _dataset() -> tuple[str, DatasetConf]:
    knobs, entries = load_all()
    dataset = entries["dataset"]
    assert isinstance(dataset, DatasetConf)
    measure = measure_of(dataset.answer.metric)
    if measure.graded:
        raise StillhouseError(
            f"The answers of `dataset: {knobs.dataset}` are free texts, scored by "
            f"{measure.title.lower()}: there is no label to give them by hand. `stillhouse ratings "
            "export` writes a sheet on which people rate them."
        )
    return knobs.dataset, dataset
