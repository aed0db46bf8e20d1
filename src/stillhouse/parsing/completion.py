"""One teacher completion to a rationale, a label and a status. Gold is never at hand here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stillhouse.answers.choices import read_choice
from stillhouse.config.dataset import Answer, Task
from stillhouse.config.prompt import Content
from stillhouse.parsing.answer import Reading, read_answer, read_last_line
from stillhouse.parsing.text import (
    clean_rationale,
    cut_run_on,
    split_at_last_marker,
    whole_sentences,
)

Status = Literal["ok", "repaired", "no_marker", "ambiguous", "truncated", "empty"]


@dataclass(frozen=True)
class Parsed:
    """What a completion holds; `label` is null unless the status is ok or repaired."""

    rationale: str | None
    label: str | None
    status: Status


@dataclass(frozen=True)
class Completion:
    """A completion's own text; `unfinished` when the token limit, not its end, stopped it."""

    text: str
    unfinished: bool


def parse_completion(
    text: str,
    finish_reason: str,
    *,
    reply: Content,
    task: Task,
    answer: Answer,
    choices: Sequence[str] = (),
) -> Parsed:
    """Parse one completion, tail first: the answer is what stands after the last marker.

    A completion that ran on into made-up examples was finished before them, whatever its
    `finish_reason` (`stop` or `length`). docs/parsing.md has the rules. Never raises.
    """
    own = cut_run_on(text, answer.cut)
    completion = Completion(own, unfinished=finish_reason == "length" and own == text)
    if not own.strip():
        return Parsed(None, None, "empty")
    if reply == "rationale":
        return _rationale_alone(completion, answer)
    split = split_at_last_marker(own, answer.markers)
    if split is None and reply == "rationale_then_label":
        return _without_marker(completion, answer, choices)
    before, tail = split or ("", own)
    asked = reply == "rationale_then_label"
    rationale = clean_rationale(before, answer.markers) if asked else None
    free = task == "text" and not choices
    reading = _free_text(tail) if free else read_answer(tail, answer.metric, choices)
    if completion.unfinished and not _is_whole(tail, reading, choices):
        return Parsed(rationale, None, "truncated")
    status = _status(reading, tail, marked=split is not None)
    if status == "ok" and asked and rationale is None:
        status = "repaired"
    return Parsed(rationale, reading.label if reading else None, status)


def _rationale_alone(completion: Completion, answer: Answer) -> Parsed:
    kept = whole_sentences(completion.text) if completion.unfinished else completion.text
    rationale = clean_rationale(kept, answer.markers)
    if completion.unfinished:
        return Parsed(rationale, None, "repaired" if rationale else "truncated")
    return Parsed(rationale, None, "ok" if rationale else "empty")


def _without_marker(completion: Completion, answer: Answer, choices: Sequence[str]) -> Parsed:
    if completion.unfinished:
        return Parsed(None, None, "truncated")
    last = read_last_line(completion.text, answer.metric, choices)
    if last is None:
        return Parsed(None, None, "no_marker")
    return Parsed(clean_rationale(last[0], answer.markers), last[1], "repaired")


def _free_text(tail: str) -> Reading | None:
    label = tail.strip().removeprefix(":").strip()
    return Reading(label, exact=True) if label else None


def _status(reading: Reading | None, tail: str, *, marked: bool) -> Status:
    if reading:
        return "ok" if reading.exact else "repaired"
    if not tail.strip():
        return "empty"
    return "ambiguous" if marked else "no_marker"


def _is_whole(tail: str, reading: Reading | None, choices: Sequence[str]) -> bool:
    """Whether the token limit can have taken nothing of the answer.

    So it is when its sentence or its line ends, or when it is exactly one of the choices.
    """
    if re.search(r"[.!?]\s*$|\S[ \t]*\n", tail):
        return True
    choice = read_choice(tail.strip(), choices)
    return reading is not None and choice is not None and choice.exact
