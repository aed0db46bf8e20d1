"""The tutorial of docs/datasets.md, as it is typed: its commands are about the dataset it adds."""

import re
import shlex

import pytest
import yaml

from stillhouse.core import tables
from tests.conftest import REPOSITORY
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs/datasets.md").read_text(encoding="utf-8")
ROW = 'r99,kettle,{},"It whistles, or so they say.",'


def commands() -> list[list[str]]:
    tutorial = PAGE.partition("## Your own CSV")[2].partition("\n## ")[0]
    return [
        shlex.split(line, comments=True)[1:] for line in re.findall("^ *dvc .*$", tutorial, re.M)
    ]


def test_its_commands_read_the_dataset_that_it_adds(workspace: Workspace):
    raw, conf = workspace.path / "data/raw", workspace.path / "conf/dataset"
    rows = (raw / "my_reviews.csv").read_text() + ROW.format("") + "\n"
    (raw / "reviews.csv").write_text(rows)
    entry = (conf / "my_csv.yaml").read_text().replace("my_reviews.csv", "reviews.csv")
    assert "task: classification" in entry  # of which the tiny prompt has no parts
    (conf / "reviews.yaml").write_text(entry.replace("classification", "multiple_choice"))
    look, everything = commands()

    said = workspace.dvc(*look)
    assert re.findall(r"^Running stage '(.+)':", said, re.MULTILINE) == ["ingest"]
    assert yaml.safe_load((workspace.path / "params.yaml").read_text())["dataset"] == "reviews"
    counted = workspace.read("metrics/ingest.json")
    assert counted["rejects"] == {"neither satisfied nor not": 2, "empty `rating`": 1}
    assert "Rejected: 1 of 25, empty `rating`, the first at data/raw/reviews.csv:26." in said
    assert re.search(r"^ *yes +9 ", said, re.MULTILINE), said

    (raw / "reviews.csv").write_text(rows + ROW.replace("r99", "r98").format("n/a") + "\n")
    said = workspace.dvc(*look, fails=True)
    for part in ("data/raw/reviews.csv:27: fields.label", "'n/a' is no number", "a template fails"):
        assert part in said
    (raw / "reviews.csv").write_text(rows)

    assert everything == ["exp", "run"]
    assert {"retrieve", "prompt", "teacher_generate"} <= workspace.ran(*everything)
    examples = tables.EXAMPLES.of(workspace.path).read_rows()
    assert {row["id"] for row in examples} <= {f"r{n:02}" for n in range(25)}
