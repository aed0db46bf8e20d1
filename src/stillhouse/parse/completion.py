"""One teacher completion to a rationale, a label and a status. Gold is never at hand here."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from stillhouse.config.dataset import CHAT
from stillhouse.core.conversation import canonical, read_replies
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
from stillhouse.parse.density import read_rounds
from stillhouse.parse.form import Form
from stillhouse.parse.markers import find_markers
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
    if form.task == CHAT:
        return _replies(text, finish_reason, form)
    split = split_reasoning(text)
    if split.unclosed:
        return Parsed(None, None, "truncated")
    reasoned = reasoned or split.reasoning is not None
    if finish_reason == "refusal":
        return Parsed(None, None, "refused")
    if form.reply.require_stop and finish_reason != "stop":
        return Parsed(None, None, "truncated")
    turn = before_end_token(split.text)
    own = without_struck(cut_run_on(turn, form.answer.cut, form.headings))
    unfinished = finish_reason == "length" and own == without_struck(split.text)
    if not own.strip():
        return Parsed(None, None, "empty")
    if len(own) > MAX_COMPLETION:
        return Parsed(None, None, "malformed")
    if form.reply.content == "rationale" and form.reply.form != "json":
        return _rationale_alone(own, form, unfinished=unfinished)
    if form.reply.form == "chain_of_density":
        return _last_summary(own, form.kind(choices), unfinished=unfinished)
    found = read_object(own, form.reply, asked=form.reply.form == "json")
    if isinstance(found, Broken):
        return Parsed(None, None, "truncated" if unfinished else found.status)
    if found is not None:
        return _of_object(found.rationale, found.label, form, form.kind(choices))
    if form.task == "summary" and form.reply.content == "label":
        return _whole(own, form.kind(choices), unfinished=unfinished)
    if form.task == "text" and not choices and form.reply.content == "label":
        return _free_label(own, form, unfinished=unfinished)
    return _of_text(own, form, form.kind(choices), unfinished=unfinished, reasoned=reasoned)


def _replies(text: str, finish_reason: str, form: Form) -> Parsed:
    """The replies of a conversation, which ended at the first one that does not count."""
    if finish_reason == "refusal":
        return Parsed(None, None, "refused")
    if form.reply.require_stop and finish_reason != "stop":
        return Parsed(None, None, "truncated")
    replies = read_replies(text)
    if not replies or len(text) > MAX_COMPLETION:
        return Parsed(None, None, "malformed")
    if not all(reply.strip() for reply in replies):
        return Parsed(None, None, "empty")
    return Parsed(None, canonical(replies), "ok" if finish_reason == "stop" else "repaired")


def _rationale_alone(own: str, form: Form, *, unfinished: bool) -> Parsed:
    kept = whole_sentences(own) if unfinished else own
    rationale = clean_rationale(kept, form.answer.markers)
    if unfinished:
        return Parsed(rationale, None, "repaired" if rationale else "truncated")
    return Parsed(rationale, None, "ok" if rationale else "empty")


def _of_object(rationale: str | None, label: str | None, form: Form, kind: Kind) -> Parsed:
    reason = clean_rationale(rationale, form.answer.markers) if rationale else None
    if form.reply.content == "rationale":
        return Parsed(reason, None, "ok" if reason else "empty")
    asked = form.reply.form == "json"
    reason = reason if form.holds_rationale else None
    said = label or ""
    if not said.strip():
        return Parsed(reason, None, "empty")
    reading = kind.read(said)
    if reading is None and (marked := find_markers(said, form.answer.markers)):
        reading = kind.read(said[marked[-1].end :])
        reading = Reading(reading.label, exact=False) if reading else None
    if reading is None:
        return Parsed(reason, None, "ambiguous")
    whole = asked and reading.exact and (reason is not None or not form.holds_rationale)
    return Parsed(reason, reading.label, "ok" if whole else "repaired")


def _last_summary(own: str, kind: Kind, *, unfinished: bool) -> Parsed:
    found = read_rounds(own)
    if found is None:
        return Parsed(None, None, "truncated" if unfinished else "malformed")
    parsed = _whole(found.label, kind, unfinished=False)
    return parsed if found.alone or parsed.label is None else parsed._replace(status="repaired")


def _whole(own: str, kind: Kind, *, unfinished: bool) -> Parsed:
    """All of it, markers and all: a text of several sentences may hold the words of one."""
    if unfinished:
        return Parsed(None, None, "truncated")
    reading = kind.read(own)
    if reading is None:
        return Parsed(None, None, "ambiguous" if kind.names_answer(own) else "empty")
    return Parsed(None, reading.label, "ok" if reading.exact else "repaired")


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
        before, found = box.before, find_markers(box.before, form.answer.markers)
        # A marker that the box completes leads over to it.
        if found and not re.search(r"[.!?]\s|\n", before[found[-1].end :].strip()):
            before = before[: found[-1].start]
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
    marker, last = answering.statement.marker, markers[-1]
    # A last marker with nothing behind it ends what the one before says.
    unsaid = len(markers) > 1 and not own[last.end :].strip()
    tail = own[marker.end : answering.end or (last.start if unsaid else len(own))]
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
    if conclusion.label is not None:
        whole = conclusion.exact and asked and formal
        return Parsed(rationale, conclusion.label, "ok" if whole else "repaired")
    if conclusion.empty:
        return Parsed(rationale, None, "empty")
    return Parsed(rationale, None, "ambiguous" if marked else "no_marker")


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
