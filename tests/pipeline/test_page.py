"""The page of a real run, and of another revision beside it."""

import pytest

from tests.page.browser import EXECUTABLE, Browser
from tests.page.runs import cell, unpacked

pytestmark = pytest.mark.slow


def read(path):
    return unpacked(path.read_text(encoding="utf-8"))


def test_the_page_of_a_run_alone_and_beside_another(workspace):
    page = read(workspace.path / "report.html")
    splits = page["rows"]["columns"]["split"]
    assert (splits.count("train"), splits.count("test")) == (20, 12)
    row = next(id_ for id_ in page["rows"]["columns"]["id"] if cell(page, id_, "prompt"))
    assert len(cell(page, row, "exemplars")) == 2
    summary = workspace.read("metrics/summary.json")["student"]
    own = page["facts"]["summary"]["scores"][-1]
    assert own["score"] == summary["accuracy"]
    assert all(cost["seconds"] is None for cost in page["facts"]["summary"]["costs"])

    workspace.edit("params.yaml", k=3)
    message = workspace.stillhouse("report", fails=True)
    assert "`k: 3`, and the last report is of `k: 2`. Run `dvc repro` first." in message
    workspace.dvc("repro")
    said = workspace.stillhouse("report", "--base", "HEAD")
    assert said.splitlines()[-1] == ".stillhouse/report.html"
    both = read(workspace.path / ".stillhouse/report.html")
    other = both["facts"]["other"]
    assert other["name"] == "HEAD"
    assert other["changed"] == [["k", 2, 3]]
    assert other["missing"] == []
    assert any(line.startswith("These students:") for line in other["compared"])
    place = both["rows"]["columns"]["id"].index(row)
    assert {"exemplars", "prompt"} <= both["rows"]["other"][place].keys()
    assert len(cell(both, row, "exemplars")) == 3
    assert any(cost["seconds"] for cost in both["facts"]["summary"]["costs"])

    # The other's prompts are nowhere: what is there is compared, and what is not is named.
    lock = workspace.run("git", "show", "HEAD:dvc.lock").split("- path: data/prompts.parquet")
    digest = lock[1].partition("md5: ")[2][:32]
    (workspace.path / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink()
    workspace.stillhouse("report", "--base", "HEAD", "--out", "both.html")
    assert read(workspace.path / "both.html")["facts"]["other"]["missing"] == [
        "data/prompts.parquet"
    ]


@pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium on the path")
def test_a_browser_shows_it(workspace, tmp_path):
    with Browser(tmp_path / "profile") as browser:
        browser.open(workspace.path / "report.html", "#split=test")
        assert browser.run("document.querySelectorAll('.item').length") == 12
        browser.press("j")
        assert "Answers" in browser.run("document.querySelector('article').textContent")
        assert browser.errors == []
        assert {url.partition(":")[0] for url in browser.requests} <= {"file", "about"}
