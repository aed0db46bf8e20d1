"""The confusion matrix as DVC draws it: its own renderer fills the template."""

import csv
import io
import json

import pytest
import yaml

from stillhouse.config.dataset import Answer
from stillhouse.evaluate.scoring import confusion_csv, score
from tests.conftest import REPOSITORY
from tests.evaluate.test_scoring import CLASSES, row

NAME = "metrics/confusion/seed=${item.seed}.csv"


@pytest.fixture
def options(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    (plot,) = (each for each in stages["evaluate"]["plots"] if NAME in each)
    return {name: value for name, value in plot[NAME].items() if name != "cache"}


def drawn(text, options):
    from dvc_render.vega import VegaRenderer

    points = [point | {"rev": "workspace"} for point in csv.DictReader(io.StringIO(text))]
    templates = str(REPOSITORY / ".dvc/plots")
    renderer = VegaRenderer(points, NAME, template_dir=templates, **options)
    return renderer.get_filled_template()


def test_dvc_fills_the_template_with_the_counts(options):
    rows = [row(str(i), CLASSES[i % 3], choices=CLASSES) for i in range(9)]
    table, _ = score({str(i): "red" if i else "?" for i in range(9)}, rows, Answer(metric="choice"))
    plot = drawn(confusion_csv(table, rows, Answer(metric="choice")), options)
    assert "<DVC_METRIC" not in json.dumps(plot)
    assert sum(int(point["rows"]) for point in plot["data"]["values"]) == 9
    spec = plot["spec"]
    assert spec["encoding"]["y"]["field"] == "actual"
    assert spec["transform"][0]["calculate"] == "datum['predicted'] || 'no class'"
    assert spec["layer"][0]["width"] == 300


def test_a_dataset_without_classes_draws_nothing(options):
    rows = [row("a", "yes")]
    table, _ = score({"a": "no"}, rows, Answer(metric="exact"))
    assert drawn(confusion_csv(table, rows, Answer(metric="exact")), options) == {}
