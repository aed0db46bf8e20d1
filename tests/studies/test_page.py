"""A study's page: the figures of its table, a picture of them, and the run of each cell."""

from dataclasses import replace

import pytest

from stillhouse.page.html import html
from stillhouse.studies import table
from stillhouse.studies.page import document
from tests.page.browser import EXECUTABLE, NAMES, Browser
from tests.page.runs import unpacked
from tests.studies.test_table import RIGHT, results, run


@pytest.fixture
def made(monkeypatch):
    known = {name: run(name, right) for name, right in RIGHT.items()}
    monkeypatch.setattr(table, "read_revision", lambda commit, _models: known[commit])
    return results()


def test_it_holds_what_the_table_holds(made):
    study = unpacked(html(document(made)))["facts"]["study"]
    shown = [line["shown"] for picture in study["pictures"] for line in picture["lines"]]
    assert {"45.0%", "50.0%", "90.0%", "62.5%"} <= set(shown)
    texts = [part for part in study["parts"] if isinstance(part, str)]
    assert made.description in texts
    assert [each["experiment"] for each in study["runs"]] == list(RIGHT)
    assert all(each["state"] == "finished" for each in study["runs"])
    assert study["runs"][0]["knobs"] == dict(
        next(iter(made.cells.values())).found.condition.overrides
    )


def test_cells_without_a_result_have_no_score_and_say_why(made):
    cells = {
        titles: replace(
            cell, side=None, comparison=None, found=replace(cell.found, experiment=None)
        )
        for titles, cell in made.cells.items()
    }
    study = document(replace(made, cells=cells, published={}))["facts"]["study"]
    assert all(not picture["lines"] for picture in study["pictures"])
    assert {each["state"] for each in study["runs"]} == {"missing"}


@pytest.mark.skipif(EXECUTABLE is None, reason=f"none of {', '.join(NAMES)} is on the path")
def test_a_browser_shows_it(made, tmp_path):
    path = tmp_path / "study.html"
    path.write_text(html(document(replace(made, title="<script>s</script>"))), encoding="utf-8")
    with Browser(tmp_path / "profile") as browser:
        browser.open(path)
        text = browser.run("document.getElementById('summary').innerText")
        assert "s-both-all" in text
        title = browser.run("document.getElementById('title').innerText")
        assert title == "<script>s</script>"
        assert browser.run("document.querySelectorAll('svg.whisker').length") >= 4
        assert not browser.run("document.querySelector('nav').checkVisibility()")
        assert browser.errors == []
        data = browser.call("Page.captureScreenshot", format="png")
    assert data["data"]
