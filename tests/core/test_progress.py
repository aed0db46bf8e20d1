"""Progress where nobody looks on: a line now and then, and one at the end."""

from stillhouse.core import progress as module
from stillhouse.core.progress import progress


def test_the_end_is_told_once_whenever_the_last_line_was(capsys, monkeypatch):
    for every in (0.0, 1e9):  # each step has its line, or none
        monkeypatch.setattr(module, "LINE_EVERY_SECONDS", every)
        with progress("Train", 2) as steps:
            steps.advance()
            steps.advance()
        assert capsys.readouterr().err.count("Train: 2/2") == 1
    with progress("Nothing", 0):
        pass
    assert capsys.readouterr().err.count("Nothing: 0/0") == 1
