"""What a completion says that the answer is, place by place, and what of that it stands by."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from stillhouse.kinds.kind import Kind
from stillhouse.parse.conclusion import first_statement, second_thought
from stillhouse.parse.markers import Marker

# `Some may think the answer is`, `it is false that the answer is`, `a mistake is to say that ...`.
_NOT_ITS_OWN = re.compile(
    r"\b(?:may|might|could|would|some|many|people|one|you)\s+(?:\w+\s+)?(?:think|say|believe|argue"
    r"|guess|assume|expect|conclude|answer)\b|\b(?:mistakes?|tempt\w*|wrong(?:ly)?|incorrect(?:ly)?"
    r"|(?<!no )(?<!without )doubt|false|falsch|not true|untrue|unlikely|whether|unless|suppose"
    r"|assume|imagine|first (?:sight|glance)|(?:mis)?conceptions?|myths?|claims?|rumou?rs?|fallacy"
    r"|naive|intuitive|phrase|who (?:says|said))\b"
    r"|(?:\bnot|\bnever|n['’]t)\b(?:\s+\w+){0,3}?\s+(?:that|think|believe|say|mean|claim|why|if)\b"
    r"|\b(?:viele|manche|einige|certains|beaucoup|muchos|algunos)\b"
    r"|以为|有人",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|had|were|unless)\b", re.IGNORECASE)
_BOUNDARY = re.compile(r"[.!?…。！？\n]")
_CLAUSE = re.compile(r"[,;:]|\b(?:so|thus|therefore|hence|then)\b", re.IGNORECASE)
# What says that the later of two answers is meant.
_CONCLUDING = re.compile(
    r"\b(?:so|thus|therefore|hence|final(?:ly)?|but|however|in conclusion|overall|with|instead)\b",
    re.IGNORECASE,
)
# `Review: ...`, `## Example`: a line that heads something new, unless it goes on with the answer.
_HEADED = re.compile(
    r"\n[ \t]*(?:[#*>]+[ \t]*)?(?P<heading>[A-Z][^\n:.!?]{0,30}?)[ \t]*(?:\d+[ \t]*)?"
    r"(?::|(?<=\w)(?=\n))"
)
_OF_THE_ANSWER = re.compile(
    r"(?:(?:final|correct|the)\s+)?(?:answer|label)|rationale|explanation|reason(?:ing)?|note|step"
    r"|confidence|conclusion|therefore|thus|so|hence|solution|analysis|correction|check|verification"
    r"|edit|update|summary|wait|actually|assistant",
    re.IGNORECASE,
)
# `The answer is based on the fact that malls have doors` says nothing of what it is.
_SPEAKS_OF_IT = re.compile(
    r"\s*(?:based|about|because|clear|clearest|unclear|obvious|simple|found|derived|supported"
    r"|explained|determined|as follows|given (?:by|in))\b",
    re.IGNORECASE,
)
# A marker that is quoted, with words behind the quotation: what somebody else says.
_QUOTED = re.compile("[\"“”'‘«][\\s*]*$")
_CLOSED = re.compile("[^\"“”'’»\\n]{1,80}[\"”'’»],?\\s+\\w")
_DENIAL = re.compile(r"\s*(?:not|never|isn['’]t)\s+(?P<denied>.+)", re.DOTALL)
_DENIES = re.compile(r"\b(?:not|no|none|neither|never)\b|n['’]t\b", re.IGNORECASE)


MOST = 20
"""Statements that are looked at, at either end of a completion."""


class Statement(NamedTuple):
    """A marker, and the text from it to the next."""

    marker: Marker
    lead: str
    """What stands before the marker in its own sentence."""
    said: str


class Answering(NamedTuple):
    """The statement that counts; `end`: where the completion's own text ends, if before its end.

    `contested`: another statement says otherwise, and nothing tells which is meant.
    """

    statement: Statement | None
    contested: bool = False
    end: int | None = None


def answering_statement(own: str, markers: Sequence[Marker], kind: Kind) -> Answering:
    """The last statement that gives an answer and that its completion stands by.

    `The answer is based on ...` names no answer, nor does `Answer:` at the end of a completion;
    both give way to the statement before. Where none has an answer the dataset's own last one
    counts.
    """
    statements = _statements(own, markers)
    if len(statements) > 2 * MOST:  # a completion that repeats itself for ever
        statements = [*statements[:MOST], *statements[-MOST:]]
    live = [each for each in statements if _says_answer(each.said, kind)]
    asserted = _without_denials([each for each in live if _is_asserted(each)], kind)
    if not asserted:
        listed = [each for each in statements if each.marker.listed and each not in live]
        return Answering(listed[-1] if listed and not live else None, contested=bool(live))
    values = [_value(each, kind) for each in asserted]
    last = asserted[-1]
    for number, (earlier, later) in enumerate(pairwise(asserted)):
        value, following = values[number], values[number + 1]
        if value is None or not set(values[number:]) - {None, value}:
            continue
        between = own[earlier.marker.end : later.marker.start]
        for run_on in _HEADED.finditer(between):
            heading = run_on["heading"].strip("*# ")
            if _OF_THE_ANSWER.match(heading):
                continue
            # `Student 1:` and `Student 2:`: the answers before have such a heading, too.
            speaker = rf"(?:^|\n)\W*{re.escape(heading)}\s*\d*\s*:"
            if re.search(speaker, own[: earlier.marker.start]):
                return Answering(last, contested=True)
            return Answering(earlier, end=earlier.marker.end + run_on.start())
        if following not in (None, value) and not _is_reconsidered(between, earlier, later):
            return Answering(last, contested=True)
    return Answering(last)


def _value(statement: Statement, kind: Kind) -> str | None:
    reading = kind.read(first_statement(statement.said)[0])
    return kind.canonical(reading.label) if reading else None


def _statements(own: str, markers: Sequence[Marker]) -> list[Statement]:
    ends = [marker.start for marker in markers[1:]] + [len(own)] * bool(markers)
    found = []
    for marker, end in zip(markers, ends, strict=True):
        before = own[max(0, marker.start - 300) : marker.start]
        lead = _BOUNDARY.split(before)[-1]
        found.append(Statement(marker, lead, own[marker.end : end]))
    return found


def _is_asserted(statement: Statement) -> bool:
    around = f"{statement.lead} {first_statement(statement.said)[0]}"
    if "would" in statement.marker.text.lower() and _CONDITION.search(around):
        return False
    if _QUOTED.search(statement.lead) and _CLOSED.match(statement.said):
        return False
    clause = _CLAUSE.split(statement.lead)[-1]
    return not (_NOT_ITS_OWN.search(clause) or _NOT_ITS_OWN.match(statement.lead.lstrip("*# ")))


def _without_denials(asserted: list[Statement], kind: Kind) -> list[Statement]:
    """Without those behind an answer that only say what it is not."""
    kept: list[Statement] = []
    for statement in asserted:
        denied = _DENIAL.match(statement.said)
        value = _value(statement._replace(said=denied["denied"]), kind) if denied else None
        before = [_value(each, kind) for each in kept]
        if denied and before and value is not None and before[-1] not in (None, value):
            continue
        kept.append(statement)
    return kept


def _is_reconsidered(between: str, earlier: Statement, later: Statement) -> bool:
    """Whether the later of two statements takes the earlier one's place.

    `So the answer is (a). So the answer is (b).` concludes nothing the second time.
    """
    first = _BOUNDARY.search(between)
    asked = first is not None and first[0] == "?"
    said = [f"{each.lead} {each.marker.text}".casefold().split() for each in (earlier, later)]
    concluding = said[0] != said[1] and _CONCLUDING.search(" ".join(said[1]))
    return bool(asked or concluding or second_thought(between + later.marker.text))


def _says_answer(said: str, kind: Kind) -> bool:
    line = said.strip(" :*\n").split("\n", 1)[0]
    if kind.read(first_statement(said)[0]) is not None:
        return True
    first = re.split(r"[.!?]\s", line, maxsplit=1)[0]
    if _SPEAKS_OF_IT.match(first):
        return False
    return kind.names_answer(first) or _DENIES.search(first) is not None
