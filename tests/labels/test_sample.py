"""From a teacher's labels to a sheet, from the sheet to labelled test rows, and to an accuracy."""

import csv
import io
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from stillhouse import cli
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import EXAMPLES, PARSED
from tests.labels.project import BEFORE, DATASET, SCORE, TRAIN, edit, truth, write_project
from tests.labels.test_none import read
from tests.pipeline import scripts

LABELS = Path("data/raw/tiny_labels.csv")


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_models):
    monkeypatch.chdir(tmp_path)
    write_project(tiny_models, count=120)
    scripts.run(*BEFORE)
    return tmp_path


def sample(*arguments):
    result = CliRunner().invoke(cli.app, ["sample", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def cells(path):
    return list(csv.reader(io.StringIO(Path(path).read_text("utf-8-sig"), newline="")))


def label(path):
    """Fill in a sheet as somebody who knows would."""
    header, *rows = cells(path)
    with Path(path).open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, *([*row[:3], truth(row[1])] for row in rows)])
    return {row[0]: truth(row[1]) for row in rows}


def test_a_sheet_becomes_labelled_test_rows(project):
    said = sample("--n", "24", "--out", "sheet.csv")
    assert "24 of 90 unlabelled rows in sheet.csv (12 no, 12 yes, as the teacher says)." in said
    assert "An accuracy of 80% will stand at ±" in said
    labels = label("sheet.csv")
    first = sample("--read", "sheet.csv")
    assert "24 labels in data/raw/tiny_labels.csv: 24 new, 0 changed." in first

    # By label, and weighted by what the teacher says of all 90 rows, not of the 24.
    teacher = {row["id"]: row["label"] for row in PARSED.read_rows()}
    population = [row["id"] for row in EXAMPLES.read_rows() if row["split"] == "unlabelled"]
    shares, expected = {}, 0.0
    for given in ("no", "yes"):
        drawn = [id_ for id_ in labels if teacher[id_] == given]
        shares[given] = sum(labels[id_] == given for id_ in drawn) / len(drawn)
        expected += shares[given] * sum(teacher[id_] == given for id_ in population) / 90
    assert f"The teacher is right in {expected:.1%} (" in first
    for given, share in shares.items():
        (line,) = [each for each in first.splitlines() if each.startswith(f"  {given} ")]
        assert f"12  {share:>6.1%} (" in line
    assert shares["yes"] == 1.0
    assert shares["no"] < 1.0

    (written,) = [each for each in first.splitlines() if each.startswith("  test: ")]
    splits = {"unlabelled": {"read": ["reviews.csv"]}} | yaml.safe_load(written)
    edit(DATASET, splits=splits)
    scripts.run(*BEFORE, *TRAIN, *SCORE)
    scores = read("metrics/eval/seed=0.json")
    assert scores["rows"] == 24
    assert "accuracy" in scores
    # Read again now that its rows are test rows: what was held out before is among the others.
    again = sample("--read", "sheet.csv")
    assert "24 labels in data/raw/tiny_labels.csv: 0 new, 0 changed." in again
    assert "conf/dataset/tiny.yaml reads them" in again
    assert "of the 120 rows" in again
    assert "not the rows that would be drawn now" in again
    assert "not the rows that would be drawn now" not in first


def test_more_rows_hold_the_fewer_and_what_was_labelled_is_filled_in(project):
    sample("--n", "10", "--out", "few.csv")
    labels = label("few.csv")
    sample("--read", "few.csv")
    assert "10 of them were labelled before" in sample("--n", "30", "--out", "more.csv")
    more = {row[0]: row[3] for row in cells("more.csv")[1:]}
    assert len(more) == 30
    assert {id_: given for id_, given in more.items() if given} == labels


def test_a_sheet_with_mistakes_writes_nothing(project):
    sample("--n", "10")
    with pytest.raises(StillhouseError, match="there is no label: row 2, 3, 4"):
        sample("--read", "sheet.csv")
    assert not LABELS.exists()
    with pytest.raises(StillhouseError, match="may hold labels"):
        sample("--n", "10")


def test_a_plain_draw_needs_no_teacher_and_other_splits_can_be_drawn(project):
    said = sample("--n", "10", "--by", "none", "--split", "test", "--out", "plain.csv")
    assert "10 of 30 test rows in plain.csv." in said
    label("plain.csv")
    assert "of the 30 rows" in sample("--read", "plain.csv")
    PARSED.path.unlink()
    assert "±" in sample("--n", "10", "--by", "none", "--out", "alone.csv")
    label("alone.csv")
    assert "test: {hold_out_from: unlabelled" in sample("--read", "alone.csv")
    with pytest.raises(StillhouseError, match=r"parsed\.parquet does not exist"):
        sample("--n", "10", "--out", "balanced.csv")


def test_another_teacher_since_then_is_said(project):
    sample("--n", "24")
    label("sheet.csv")
    said = "The answer is {{ ['yes', 'no'][digest % 2] }}."
    edit("conf/teacher/tiny.yaml", model={"name": "new", "source": f"scripted:So. {said}"})
    scripts.run("teacher_generate", "parse")
    assert "not the rows that would be drawn now" in sample("--read", "sheet.csv")
