"""What comes from outside is fit to be stored and to be shown."""

import json
import subprocess
import sys

import pytest

from stillhouse.core.log import read_events, record, state_directory
from stillhouse.core.text import printable, whole
from tests.conftest import REPOSITORY

STEERING = "\x1b]52;c;eA==\x07 \x1b]8;;http://x\x1b\\\\ \x9b31m \x00 \r \u202e \u2066 \x7f \ud83d"
STEERS = set("\x1b\x07\x9b\x00\r\u202e\u2066\x7f\ud83d")


def test_nothing_that_steers_a_terminal_is_left():
    assert not STEERS & set(printable(STEERING))
    assert printable("\x1b\x9b\u202e") == "\\x1b\\x9b\\u202e"
    assert printable(printable(STEERING)) == printable(STEERING)


def test_letters_of_all_scripts_and_lines_stay():
    text = "Grüße, 答案是 (b)。\n\tनमस्ते ✓ 🎉"
    assert printable(text) == text


def test_lone_surrogates_alone_are_replaced():
    assert whole("a\ud83db 🎉") == "a\ufffdb 🎉"


def test_the_log_holds_any_text_and_obeys_none():
    record("odd", reason=STEERING)
    assert read_events("odd")[-1]["reason"] == STEERING
    content = (state_directory() / "log" / "runs.jsonl").read_bytes().decode()
    assert not STEERS & set(content)
    assert json.loads(content.splitlines()[-1])["reason"] == STEERING


@pytest.mark.parametrize(
    "code",
    [
        "from stillhouse.stage import running\n"
        "from stillhouse.core.errors import StillhouseError\n"
        "with running('parse'): raise StillhouseError(text)",
        "from stillhouse.stage import running\n"
        "import errno\n"
        "with running('parse'): raise PermissionError(errno.EACCES, 'denied', text)",
        "from stillhouse.core.progress import announce\nannounce(text)",
        "from stillhouse import cli\n"
        "from stillhouse.core.errors import StillhouseError\n"
        "def app(): raise StillhouseError(text)\n"
        "cli.app = app\ncli.main()",
    ],
    ids=["stage", "file name", "announce", "command"],
)
def test_what_is_printed_steers_no_terminal(code, tmp_path):
    command = [sys.executable, "-c", f"text = {STEERING!a}\n{code}"]
    environment = {"PYTHONPATH": str(REPOSITORY / "src"), "PYTHONIOENCODING": "utf-8:surrogatepass"}
    printed = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, check=False
    )
    shown = (printed.stdout + printed.stderr).decode("utf-8", "surrogatepass")
    assert "52;c;eA==" in shown
    assert not (STEERS & set(shown))
