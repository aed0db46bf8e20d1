"""`stillhouse open` and what `stillhouse report` refuses; a real run is in tests/pipeline."""

import os
import subprocess
import sys

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.page.commands import write_page
from stillhouse.page.opening import open_page
from tests.conftest import REPOSITORY


def open_with(browser, folder):
    return subprocess.run(
        [sys.executable, "-c", "from stillhouse.cli import main; main()", "open"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "BROWSER": browser},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_page_is_opened_in_the_users_browser_by_its_address(tmp_path):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/report.html").write_text("<p>")
    seen = tmp_path / "seen"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}\n')
    script.chmod(0o755)
    assert open_with(f"{script} %s", tmp_path / "a b") == "report.html\n"
    assert seen.read_text() == (tmp_path / "a b/report.html").as_uri()


def test_a_page_that_is_not_there_says_how_to_get_it(tmp_path):
    with pytest.raises(StillhouseError, match=r"dvc repro report.*dvc pull report.html"):
        open_page(tmp_path / "report.html")


@pytest.mark.parametrize("name", ["params.yaml", "page"])
def test_a_page_is_written_to_no_file_that_is_none(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StillhouseError, match=r"as in page\.html, and not"):
        write_page(None, tmp_path / name)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(StillhouseError, match=r"as in page\.html, and not"):
        write_page(None, tmp_path / "folder.html")
