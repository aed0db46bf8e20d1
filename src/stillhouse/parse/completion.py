"""One teacher completion to a rationale, a label and a status. Gold is never at hand here."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from stillhouse.core.reasoning import split_reasoning
from stillhouse.kinds.kind import Kind, Reading
from stillhouse.kinds.markup import (
    before_end_token,
    boxed,
    last_box,
    plain,
    without_struck,
)
from stillhouse.parse.conclusion import Conclusion, conclude, conclude_boxed, conclude_unmarked
from stillhouse.parse.form import Form
from stillhouse.parse.markers import Marker, find_markers
from stillhouse.parse.run_on import cut_run_on
from stillhouse.parse.statements import answering_statement
from stillhouse.parse.structured import Broken, read_object
from stillhouse.parse.text import clean_rationale, whole_sentences

Status = Literal[
    "ok",
    "repaired",
    "no_marker",
    "ambiguous",
    "truncated",
    "empty",
    "malformed",
    "refused",
]


MAX_COMPLETION = 200_000
"""Characters, reasoning aside, beyond which a completion is a model that goes round in circles."""


class Parsed(NamedTuple):
    """What a completion holds; `label` is null unless the status is ok or repaired."""

    rationale: str | None
    label: str | None
    status: Status


def parse_completion(
    text: str,
    finish_reason: str,
    form: Form,
    choices: Sequence[str] = (),
    *,
    reasoned: bool = False,
) -> Parsed:
    """Parse one completion, tail first: the last word of it counts.

    A completion that ran on into made-up examples was finished before them, whatever its
    `finish_reason` (`stop`, `length` or `refusal`). `reasoned`: the model did its reasoning apart,
    so that the text may be an answer alone. docs/parsing.md has the rules. Never raises.
    """
    split = split_reasoning(text)
    if split.unclosed:
        return Parsed(None, None, "truncated")
    reasoned = reasoned or split.reasoning is not None
    if finish_reason == "refusal":
        return Parsed(None, None, "refused")
    turn = before_end_token(split.text)
    own = without_struck(cut_run_on(turn, form.answer.cut, form.headings))
    unfinished = finish_reason == "length" and own == without_struck(split.text)
    if not own.strip():
        return Parsed(None, None, "empty")
    if len(own) > MAX_COMPLETION:
        return Parsed(None, None, "malformed")
    if form.reply.content == "rationale" and form.reply.form != "json":
        return _rationale_alone(own, form, unfinished=unfinished)
    found = read_object(own, form.reply, asked=form.reply.form == "json")
    if isinstance(found, Broken):
        return Parsed(None, None, "truncated" if unfinished else found.status)
    if found is not None:
        return _of_object(found.rationale, found.label, form, form.kind(choices))
    if form.task == "text" and not choices and form.reply.content == "label":
        return _free_label(own, form, unfinished=unfinished)
    return _of_text(own, form, form.kind(choices), unfinished=unfinished, reasoned=reasoned)


def _rationale_alone(own: str, form: Form, *, unfinished: bool) -> Parsed:
    kept = whole_sentences(own) if unfinished else own
    rationale = clean_rationale(kept, form.answer.markers)
    if unfinished:
        return Parsed(rationale, None, "repaired" if rationale else "truncated")
    return Parsed(rationale, None, "ok" if rationale else "empty")


def _of_object(rationale: str | None, label: str | None, form: Form, kind: Kind) -> Parsed:
    reason = clean_rationale(rationale or "", form.answer.markers) if rationale else None
    if form.reply.content == "rationale":
        return Parsed(reason, None, "ok" if reason else "empty")
    asked = form.reply.form == "json"
    reason = reason if form.holds_rationale else None
    if not (label or "").strip():
        return Parsed(reason, None, "empty")
    reading = kind.read(label or "")
    if reading is None and (marked := find_markers(label or "", form.answer.markers)):
        reading = kind.read((label or "")[marked[-1].end :])
        reading = Reading(reading.label, exact=False) if reading else None
    if reading is None:
        return Parsed(reason, None, "ambiguous")
    whole = asked and reading.exact and (reason is not None or not form.holds_rationale)
    return Parsed(reason, reading.label, "ok" if whole else "repaired")


def _free_label(own: str, form: Form, *, unfinished: bool) -> Parsed:
    """The whole completion, lines and all, or what follows its marker."""
    if unfinished:
        return Parsed(None, None, "truncated")
    marked = find_markers(own, form.answer.markers)
    tail = own[marked[-1].end :] if marked and own[marked[-1].end :].strip() else own
    label = tail.strip().removeprefix(":").strip()
    if "\n" not in label:
        label = plain(label)
    return Parsed(None, label or None, "ok" if label else "empty")


def _of_text(own: str, form: Form, kind: Kind, *, unfinished: bool, reasoned: bool) -> Parsed:
    if form.reply.form == "boxed" and (box := last_box(own)):
        before = _before_its_sentence(box.before, form)
        return _parsed(before, conclude_boxed(box, kind), form, cut=False, formal=True)
    markers = find_markers(own, form.answer.markers)
    answering = answering_statement(own, markers, kind)
    if answering.statement is None and not answering.contested:
        if form.reply.content == "label":
            cut = unfinished and not kind.is_settled(own)
            return _parsed("", conclude(own, kind), form, cut=cut, formal=True, marked=False)
        return _without_marker(own, form, kind, unfinished=unfinished, reasoned=reasoned)
    if answering.statement is None:
        return Parsed(clean_rationale(own, form.answer.markers), None, "ambiguous")
    marker = answering.statement.marker
    tail = own[marker.end : answering.end or _end(own, markers)]
    conclusion = Conclusion(None) if answering.contested else conclude(tail, kind)
    cut = unfinished and answering.end is None and not _is_settled(tail, kind)
    formal = marker.listed and form.reply.form == "marker"
    return _parsed(own[: marker.start], conclusion, form, cut=cut, formal=formal)


def _parsed(
    before: str,
    conclusion: Conclusion,
    form: Form,
    *,
    cut: bool,
    formal: bool,
    marked: bool = True,
) -> Parsed:
    """`before`: the text before the answer; `formal`: the answer came in the form asked for."""
    rationale = clean_rationale(before, form.answer.markers) if form.holds_rationale else None
    asked = rationale is not None or not form.holds_rationale
    if form.holds_rationale and rationale is None and conclusion.after:
        rationale = clean_rationale(conclusion.after, form.answer.markers)
    if cut:
        return Parsed(rationale, None, "truncated")
    status = _status(conclusion, marked=marked)
    if status == "ok" and not (asked and formal):
        status = "repaired"
    return Parsed(rationale, conclusion.label, status)


def _before_its_sentence(before: str, form: Form) -> str:
    """The text before a box, without a marker that the box completes."""
    markers = find_markers(before, form.answer.markers)
    if markers and not re.search(r"[.!?]\s|\n", before[markers[-1].end :].strip()):
        return before[: markers[-1].start]
    return before


def _end(own: str, markers: Sequence[Marker]) -> int:
    """Where the text behind an answer ends: at a last marker with nothing behind it."""
    last = markers[-1]
    return len(own) if len(markers) == 1 or own[last.end :].strip() else last.start


def _without_marker(
    own: str, form: Form, kind: Kind, *, unfinished: bool, reasoned: bool
) -> Parsed:
    if unfinished:
        return Parsed(None, None, "truncated")
    conclusion = conclude_unmarked(own, kind, reasoned=reasoned)
    if conclusion.label is None:
        return Parsed(None, None, "no_marker")
    rationale = clean_rationale(conclusion.after or "", form.answer.markers)
    return Parsed(rationale, conclusion.label, "repaired")


def _status(conclusion: Conclusion, *, marked: bool) -> Status:
    if conclusion.label is not None:
        return "ok" if conclusion.exact else "repaired"
    if conclusion.empty:
        return "empty"
    return "ambiguous" if marked else "no_marker"


def _is_settled(tail: str, kind: Kind) -> bool:
    """Whether the token limit can have taken nothing of the answer.

    So it is when its line ends or another sentence begins, or when nothing that could follow would
    make another answer of it.
    """
    said = tail.lstrip(" \t\r\n:*")
    ended = r"\S[ \t]*\n|[.!?][\s\"')*]+\S|[^\d\s][.!?][\"')*]*\s*$"  # `14.` may become 14.5
    if re.search(ended, said) or boxed(tail) or kind.is_settled(tail):
        return True
    reason = re.search(r",\s+\w|\s(?:because|since|as)\s", said)
    return reason is not None and kind.read(said) is not None
