"""Progress where nobody looks on: a line now and then, and one at the end."""

import os
import pty
import subprocess
import sys
import termios

import pytest

from stillhouse.core import progress as module
from stillhouse.core.progress import progress


def test_the_end_is_told_once_whenever_the_last_line_was(capsys, monkeypatch):
    for every in (0.0, 1e9):  # each step has its line, or none
        monkeypatch.setattr(module, "LINE_EVERY_SECONDS", every)
        with progress("Train", 2) as steps:
            steps.advance()
            steps.advance()
            steps.advance(0, "and what comes after the last step")
        assert capsys.readouterr().err.count("Train: 2/2") == 1


def test_work_that_stands_still_is_told_until_it_goes_on(capsys, monkeypatch):
    monkeypatch.setattr(module, "LINE_EVERY_SECONDS", 0.0)
    with progress("Ask", 2) as steps:
        for _ in range(3):
            steps.advance(0, "waiting")
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" in ")[0] for line in lines] == ["Ask: 0/2"] * 3


@pytest.mark.parametrize("every", [0.0, 1e9])
def test_no_work_is_told_nothing_of(capsys, monkeypatch, every):
    monkeypatch.setattr(module, "LINE_EVERY_SECONDS", every)
    with progress("Nothing", 0) as steps:
        steps.advance(0, "waiting")
    assert capsys.readouterr().err == ""


BARS = """
import time
from stillhouse.core.progress import progress, quiet_libraries
quiet_libraries()
from tqdm import tqdm
from transformers.utils.logging import tqdm as theirs
for bar in (tqdm, theirs):
    for _ in bar(range(3), desc="theirs"):
        pass
for total in (0, 3):
    with progress("ours", total) as steps:
        for _ in range(total):
            steps.advance()
"""


QUIET = {"TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS"}
"""Which a stage sets that ran in this process before."""


def run(stderr, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in QUIET}
    return subprocess.Popen(
        [sys.executable, "-c", BARS],
        stderr=stderr,
        env=kept | environment,
    )


def test_a_log_holds_lines_alone_and_none_of_other_libraries():
    process = run(subprocess.PIPE, TERM="xterm")
    _, log = process.communicate()
    assert process.returncode == 0
    assert [line.partition(b" in ")[0] for line in log.splitlines()] == [b"ours: 3/3"]
    assert b"\r" not in log


def read_all(descriptor):
    found = b""
    while True:
        try:
            part = os.read(descriptor, 1 << 16)
        except OSError:  # the other end is closed
            return found
        if not part:
            return found
        found += part


@pytest.mark.parametrize(("term", "bars"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_can_redraw_has_bars(term, bars):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = run(theirs, TERM=term)
    os.close(theirs)
    log = read_all(ours)
    os.close(ours)
    assert process.wait() == 0
    assert (b"\x1b" in log) == bars
    assert (b"theirs" in log) == bars
    assert log.count(b"3/3") >= 1
    assert b"0/0" not in log
