"""Completions as models write them, with the label that a careful reader is certain of, or none.

`completions/` has a file for each kind; `stillhouse parse check` reads the same format.
"""

import io
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillhouse import cli
from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.core.errors import StillhouseError
from stillhouse.parse.check import check_completions, read_completions
from stillhouse.parse.completion import parse_completion
from stillhouse.parse.form import Form
from tests.conftest import REPOSITORY

OWN = sorted((Path(__file__).parent / "completions").glob("*.jsonl"))
# Read as ambiguous here, and as a label there: two readings of one form contradict each other
# (`6 squared` has none), or a word before the choice may turn it (`clinical`, as `fake` would).
LEFT_OUT = (
    "4 and a half", "5 squared", "to the power of three", "half of 84", "groups of 6",
    "clinical Biochemistry",
)  # fmt: skip


def misread(path):
    checks = check_completions(read_completions(path, io.StringIO()))
    assert checks
    return [
        (check.completion.text, check.parsed.label, check.completion.expected)
        for check in checks
        if not check.correct
    ]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_what_is_certain_is_read_and_nothing_else(path):
    assert misread(path) == []


def test_the_shared_cases(shared_cases):
    files = sorted((shared_cases / "answers").glob("*.jsonl"))
    assert files
    wrong = [found for path in files for found in misread(path)]
    assert [label for _, label, _ in wrong if label is not None] == []
    assert [text for text, _, _ in wrong if not any(part in text for part in LEFT_OUT)] == []


def test_every_choice_of_a_dataset_is_read_as_itself_or_not_at_all(shared_data):
    phrasings = [
        "Why. So the answer is ({letter}) {text}.", "Why. So the answer is {text}.",
        "Why. The answer is {capital}.", "Why. Answer: {capital}) {text}",
        "Why. The answer is **{text}**.", r"Why. So the answer is \boxed{{{capital}}}.",
        "Why. So the answer is ({letter}).", "Why. Answer: {capital}. {text}",
        "Why. The correct answer is {text}", 'Why. So the answer is "{text}".',
        "Why. So the answer is option {capital}.", "Why. The answer is {text} because it fits.",
    ]  # fmt: skip
    lists = [
        json.loads(line)["choices"]
        for line in (shared_data / "cos_e/validation.jsonl").read_text("utf-8").splitlines()[::8]
    ]
    for name in ("test", "validation"):
        rows = (shared_data / f"aqua_rat/{name}.jsonl").read_text("utf-8").splitlines()[::4]
        lists += [[each.split(")", 1)[1] for each in json.loads(row)["options"]] for row in rows]
    missed = total = 0
    for choices in lists:
        for letter, text in zip("abcdefg", choices, strict=False):
            for phrasing in phrasings:
                said = phrasing.format(letter=letter, capital=letter.upper(), text=text)
                lines = io.StringIO(json.dumps({"text": said, "choices": choices}))
                (check,) = check_completions(read_completions(Path("-"), lines))
                label = check.parsed.label
                assert label is None or label.strip().casefold() == text.strip().casefold(), said
                missed += label is None
                total += 1
    assert missed < 0.01 * total


def parse_check(*arguments, stdin=None):
    return CliRunner().invoke(cli.app, ["parse", "check", *map(str, arguments)], input=stdin)


def test_the_command_prints_what_was_read_and_fails_where_it_differs(tmp_path):
    file = tmp_path / "completions.jsonl"
    lines = [
        {"text": "It rains. The answer is wet.", "expected": "wet"},
        {"text": "Sums. The answer is 42.", "metric": "number", "expected": "43"},
        {"text": "Perhaps. The answer is (a) or (b).", "choices": ["x", "y"], "note": "unread"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n\n", encoding="utf-8")
    shown = parse_check(file)
    assert shown.exit_code == 1
    assert shown.stdout.splitlines()[::2][:2] == [
        "✓    1  ok         wet", "✗    2  ok         42   expected 43"
    ]  # fmt: skip
    assert "1 of 2 as expected" in shown.stdout
    as_json = parse_check("-", "--jsonl", stdin=file.read_text("utf-8"))
    assert as_json.exit_code == 1
    assert [json.loads(line) for line in as_json.stdout.splitlines()] == [
        {"rationale": "It rains.", "label": "wet", "status": "ok", "correct": True},
        {"rationale": "Sums.", "label": "42", "status": "ok", "correct": False},
        {"rationale": "Perhaps.", "label": None, "status": "ambiguous"},
    ]
    assert parse_check("-", stdin=json.dumps(lines[0])).exit_code == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1 is no JSON object"),
        ("[1]", "line 1"),
        ('{"choices": []}', "`text`"),
        ('{"text": "x", "metric": "bleu"}', "`metric`"),
        ("[" * 100_000, "line 1 is no JSON object"),
    ],
)
def test_a_line_that_is_no_completion_is_named(tmp_path, line, message):
    with pytest.raises(StillhouseError, match=message):
        read_completions(Path("-"), io.StringIO(line))


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_a_completion(tmp_path):
    file = tmp_path / "completions.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"text": "The answer is 4.", "metric": "number"}\r\n\r\n')
    (check,) = check_completions(read_completions(file, io.StringIO()))
    assert check.parsed.label == "4"


PAGE = (REPOSITORY / "docs/parsing.md").read_text(encoding="utf-8")


def test_the_example_lines_of_the_page_are_read_as_it_says():
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    source = io.StringIO(block)
    checks = check_completions(read_completions(Path("-"), source))
    assert [check.correct for check in checks] == [True, True]


@pytest.mark.parametrize(
    ("status", "text", "label"),
    re.findall(r"^\| `(\w+)` \| [^|]+ \| `([^|`]+)` \| ([^|]*) \|$", PAGE, re.MULTILINE),
)
def test_each_status_of_the_page_has_an_example_that_gets_it(status, text, label):
    form = "json" if text.startswith("{") else "marker"
    reply = Reply(content="rationale_then_label", form=form)
    asked = Form(reply, "multiple_choice", Answer(metric="choice"))
    finish_reason = "length" if status == "truncated" else "stop"
    parsed = parse_completion(text, finish_reason, asked, ("bus depot", "train station"))
    assert (parsed.status, parsed.label or "") == (status, label.strip())
