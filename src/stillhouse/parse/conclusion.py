"""The answer that a completion comes to: its last word, where that is clear."""

import re
from typing import NamedTuple

from stillhouse.kinds.choice import Choice
from stillhouse.kinds.kind import Kind, Reading
from stillhouse.kinds.markup import Box, boxed, last_box, visible
from stillhouse.kinds.number import Number
from stillhouse.kinds.text import Text

MAX_TAIL = 20_000
"""Characters behind a marker that are looked through for a correction."""

# A dash before a number may be its sign.
_LIST = re.compile(r"^\s*[-*•–]\s+(?=[^\d\s$€£.])")
_ITEM = re.compile(r"\s*(?:1[.)]|(?P<bullet>[-–+*•]))\s+(?=\S)")
_NEXT_ITEM = re.compile(r"\s*(?:2[.)]|[-–+*•])\s+\S")
_FENCE = re.compile(r"^[ \t]{0,8}```\w{0,20}[ \t]{0,8}$", re.MULTILINE)
_TICKED = re.compile(r"^[ \t]{0,8}(?:[-*][ \t]{1,4})?\[[xX✓]\][ \t]{0,4}(\S.*)$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)*]*\s+|(?<=[。！？])|\n+|(?<=\.\.\.)\s*|(?<=[?!])\s*")

# A second thought about an answer that was given. At the start of a sentence, or behind a comma:
# `people wait there` is none.
_CUE = re.compile(
    r"(?:^|[,;:–—-]\s*)(?:(?:oh|so|then|hence|thus|therefore),?\s+)?(?P<cue>不对|错了|等等|更正|"
    r"no[,:;]|no\s+wait|wait(?:[,.!:;…–—-]|\s+(?:no|that|it|this|the|actually|i)\b|$)|hold on\b"
    r"|actually\b|correction\b|sorry\b|scratch that\b|oops\b|hmm+\b"
    r"|on (?:second thoughts?|reflection)\b|let me (?:re|double|think again|correct)\w*"
    r"|i (?:made|was|am) (?:a |an )?(?:mistake|error|mistaken|wrong)|my mistake\b|i mean\b"
    r"|(?:it|that|this|the (?:correct |right )?answer) should (?:instead |actually |really )?be\b"
    r"(?!\s+(?:noted|clear|obvious|easy|enough))"
    r"|(?:it|that|this)(?:'s| is| was) (?:wrong|false|not right|not correct|incorrect|a mistake)"
    r"|or rather\b|rather,|i apologi[sz]e\b|my apologies\b|edit:|i mis(?:read|spoke|counted)\b"
    r"|just kidding\b|i meant\b|nope\b|korrektur\b|entschuldigung\b|ich meinte\b|moment[,.!]"
    r"|das (?:war|ist) falsch\b|pardon\b|erreur\b|je me suis tromp|attendez\b|perd[oó]n\b"
    r"|me equivoqu|correcci[oó]n\b|mejor dicho\b|عفو|أخطأت|いや、|訂正|아니,)",
    re.IGNORECASE,
)
_SECOND_THOUGHT = re.compile(r"^\s*no\s+wait\b", re.IGNORECASE)
# `No` where it takes nothing back: `no doubt about it`.
_PLAIN_NO = re.compile(r"no[,:;.]?\s*(?:doubt|question)\b", re.IGNORECASE)
# What may stand between a second thought and the answer that it comes to.
_CORRECTED = re.compile(
    r"^\W*(?:(?:不对|错了|等等|更正|应该是|是)[,，\s]*|(?:oh|no|or rather|wait|hold on|actually"
    r"|correction|sorry|scratch that|oops|hmm+|i mean|rather"
    r"|on second thoughts?|on reflection|my mistake|i (?:was|am) (?:wrong|mistaken)"
    r"|i made an? (?:mistake|error)"
    r"|(?:it|that|this)(?:'s| is| was) (?:wrong|not right|not correct|incorrect|a mistake)"
    r"|(?:it|that|this|the (?:correct |right |final )?answer)"
    r"(?:'s|\s+is|\s+should(?:\s+(?:instead|actually))?\s+be|\s+must\s+be|\s+would\s+be)"
    r"|should be|instead|so)(?:\b|(?<=['’]s))[\s,.:;!–—-]*)+",
    re.IGNORECASE,
)
_CONFIRMED = re.compile(
    r"(?:^|\bso|\byes|,)[,\s]*(?P<again>[^,]{1,60}?)\s+is\s+(?:indeed\s+|still\s+)?(?:correct|right)\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"\W{0,6}(?P<answer>(?:option\s+|choice\s+)?[(\[]?[^.,;:!\n]{1,80}?[)\]]?)\W{0,3}?"
    r"(?:[.,;:!](?=\s)|\s(?=(?:because|since|as)\s))",
    re.IGNORECASE,
)
# A sentence that says no more than what the answer is.
_CONCLUDES = re.compile(
    r"^\W*(?:(?:so|thus|therefore|hence|in conclusion|overall|clearly|then)\b[\s,:]*)*"
    r"(?:(?:it|this|that)(?:['’]s|\s+is|\s+must\s+be|\s+would\s+be)|i(?:['’]d|\s+would)\s+(?:say|choose"
    r"|pick|go with)|i\s+(?:choose|pick|select)|there\s+(?:are|is|were|was|will\s+be)"
    r"|the\s+(?:correct|right|best)\s+(?:one|option|choice)(?:\s+here)?\s+is"
    r"|the\s+(?:overall\s+)?(?:relationship|sentiment|label|category|class|subject|stance)"
    r"(?:\s+(?:between|of)\b[^.]{1,80}?)?\s+is)\b[\s,:]*",
    re.IGNORECASE,
)
# What a second thought says that comes to no answer.
_LEADS_NOWHERE = re.compile(
    r"^(?:no|wait|either|neither|hmm+|actually|sorry)\b|\b(?:right|wrong|correct|incorrect|mistake)\b|n['’]t\b",
    re.IGNORECASE,
)
# What a chat opens with, or a denial: no answer.
_NO_OPENING = re.compile(
    r"\s*(?:i(?:['’]ll|['’]m|\s+can|\s+will|\s+am|\s+would)\b|let(?:['’]s|\s+us|\s+me)\b|sure\b"
    r"|here\b|happy\b"
    r"|(?:[^.!?\n]{0,60}\b)?(?:is|are|was|were|looks?|seems?)\s+(?:\w+\s+)?"
    r"(?:wrong|incorrect|false|not)\b)",
    re.IGNORECASE,
)
_ONE_LINE = 200
_ANSWER_TAG = re.compile(r"</(?:final_)?answer>", re.IGNORECASE)
_FINAL = re.compile(
    r"\b(?:so|thus|therefore|hence|final(?:ly)?|in total|altogether|answer|overall|conclusion)\b",
    re.IGNORECASE,
)
_REJECTED = re.compile(
    r"\W*(?:is|was|are|were|be|looks|seems|cannot|can['’]t|must)\b[^.]{0,40}\b(?:wrong|incorrect|not|correct"
    r"|rejected|false|right|mistake|slip)\b(?<!is correct)(?<!is right)",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|were|might|classmate|student|book|friend|my first|tempt\w*|mistaken\w*|guess\w*"
    r"|wrong(?:ly)?|incorrect(?:ly)?|misconception|flawed)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"(?:\bnot|\bnever|n['’]t)(?:\s+\w+)?\W*$")
# `Therefore, the shop sells 160 items`: of numbers, where what was reckoned does not differ.
_THEREFORE = re.compile(
    r"^\W*(?:so|thus|therefore|hence|in total|altogether)\b[\s,]*", re.IGNORECASE
)


class Conclusion(NamedTuple):
    """The label that a text comes to, if any; `after`: what explains an answer that came first."""

    label: str | None
    exact: bool = False
    empty: bool = False
    after: str | None = None


def conclude(tail: str, kind: Kind) -> Conclusion:
    """The answer in the text behind a marker.

    The first statement gives it; a correction further on replaces it if it is clear what it comes
    to, and leaves none if not.
    """
    statement, rest = first_statement(tail)
    if not statement:
        return Conclusion(None, empty=not rest.strip())
    if isinstance(kind, Text) and kind.choice is None:
        return _conclude_text(statement, rest, kind)
    if not isinstance(kind, Choice):
        statement, listed = _unlisted(statement, rest, kind)
        if listed:
            return Conclusion(None)
    reading = kind.read(statement)
    if reading and _goes_on(rest, reading, kind):
        return Conclusion(None)
    sentences = _sentences(f"{statement}\n{rest[:MAX_TAIL]}")
    corrected = _correction(sentences, kind)
    if corrected is not None:
        if reading and not corrected.reading and _confirms(sentences, kind, reading.label):
            return Conclusion(reading.label, after=rest)
        return Conclusion(corrected.reading.label if corrected.reading else None)
    last = _last_sentence(sentences, kind) if len(sentences) > 1 else None
    box = boxed(rest)
    if box and (boxed_reading := kind.read(box[-1][2])):
        last = boxed_reading
    if reading and last and last.label != reading.label:
        return Conclusion(None)
    final = reading or last
    if final is None:
        return Conclusion(None)
    exact = reading is not None and reading.exact and not rest.strip()
    return Conclusion(final.label, exact=exact, after=rest if reading else None)


def conclude_boxed(box: Box, kind: Kind) -> Conclusion:
    """The answer in a box, unless what stands around it takes it back."""
    if _is_one_of_several(box, kind) or _is_set_aside(box):
        return Conclusion(None)
    after = box.after if box.after.strip(" .$\\)]*\n") else ""
    return conclude(f"{box.inside}\n{after}", kind)


def _is_set_aside(box: Box) -> bool:
    """Whether the sentence of a box denies it, supposes it, or says that it is somebody else's."""
    lead = (_sentences(box.before) or [""])[-1] if box.before.strip()[-1:] not in ".!?" else ""
    behind = re.split(r"[.!?\n]", box.after, maxsplit=1)[0]
    return bool(
        _DENIED.search(box.before)
        or _REJECTED.match(behind)
        or _SUPPOSED.search(f"{lead} | {behind}")
    )


def _is_one_of_several(box: Box, kind: Kind) -> bool:
    r"""Whether another box has another answer, and nothing says that the last one concludes.

    So it is in `\boxed{3} and \boxed{4}` and in `(a) \boxed{3}. (b) \boxed{4}`.
    """
    boxes = boxed(box.before)
    if not boxes:
        return False
    between, other = box.before[boxes[-1][1] :], kind.read(boxes[-1][2])
    own = kind.read(box.inside)
    same = own and other and own.label == other.label
    lead = _sentences(between)[-1:] or [""]
    return not (same or _FINAL.search(lead[0]) or second_thought(between))


def conclude_unmarked(text: str, kind: Kind, *, reasoned: bool) -> Conclusion:
    """The answer of a text without a marker: its box, last line, first line or last sentence.

    Only a line that is the answer and no more counts, or a sentence that says what the answer is.
    `after` holds what else the text says. A lone line of free text counts where the model had
    `reasoned` before.
    """
    found: list[tuple[Reading, str]] = []
    if box := last_box(text):
        if _is_one_of_several(box, kind) or _is_set_aside(box):
            return Conclusion(None)
        if reading := kind.read(box.inside):
            found.append((reading, box.before))
    lines = [line for line in text.strip().split("\n") if line.strip()]
    before, _, last = text.rstrip().rpartition("\n")
    reading = _line(last, kind)
    if reading and (reasoned or len(lines) > 1 or not _is_free(kind)):
        found.append((reading, before))
    if len(lines) > 1 and (reading := _line(lines[0], kind)):
        below = text.strip().split("\n", 1)[1]
        alone = not (isinstance(kind, Choice) and kind.names_another(below, reading.label))
        if alone or found:
            found.append((reading, below))
    if not found and (opened := _opening_choice(lines, kind)):
        found.append(opened)
    sentences = _sentences(text[-MAX_TAIL:])
    if _correction(sentences, kind) is not None:
        return Conclusion(None)
    if not found and sentences and not _is_free(kind):
        reading = _last_sentence(sentences, kind)
        if reading:
            found.append((reading, text.rstrip()[: -len(sentences[-1])]))
    labels = {reading.label for reading, _ in found}
    if len(labels) != 1:
        return Conclusion(None)
    return Conclusion(found[0][0].label, after=found[0][1])


class _Correction(NamedTuple):
    reading: Reading | None


def _conclude_text(statement: str, rest: str, kind: Text) -> Conclusion:
    """Free text: the first line, unless a second thought follows in it or behind it."""
    sentences = _sentences(f"{statement}\n{rest[:MAX_TAIL]}")
    corrected = _correction(sentences, kind)
    if corrected is not None:
        said = corrected.reading.label if corrected.reading else None
        return Conclusion(None if said and _LEADS_NOWHERE.search(said) else said)
    reading = kind.read(statement)
    if reading is None:
        return Conclusion(None)
    return Conclusion(reading.label, exact=not rest.strip(), after=rest)


def _correction(sentences: list[str], kind: Kind) -> _Correction | None:
    """What the last second thought comes to; None where there is none.

    `Wait, it should be (a) bank` is clear; `No wait, (b)`, and a sentence that only takes the
    answer back, are not.
    """
    for number in range(len(sentences) - 1, -1, -1):
        sentence = sentences[number]
        # In the answer's own sentence it stands further on: `(b), no, (a)`.
        cue = next((cue for cue in _CUE.finditer(sentence) if number or cue.start() > 0), None)
        if not cue:
            continue
        said = sentence[cue.start("cue") :]
        if _SECOND_THOUGHT.match(said):
            return _Correction(None)
        later = " ".join(sentences[number + 1 :])
        opening = _CORRECTED.match(said)
        reading = kind.read(said[opening.end() :]) if opening else None
        if number > 1 and _CUE.search(sentences[number - 1]):
            return _Correction(None)  # two second thoughts, one upon the other
        if reading is None and _PLAIN_NO.match(said):
            continue
        if reading is None and opening and not said[opening.end() :].strip(" .!?"):
            reading = kind.read(said) or kind.read(re.split(r"[,;:]\s*", said)[-1])
        if reading is not None and later and kind.names_answer(later):
            following = _last_sentence(sentences[number + 1 :], kind)
            reading = reading if following is None or following.label == reading.label else None
        return _Correction(reading)
    return None


def second_thought(text: str) -> bool:
    """Whether a text takes back what was said before it."""
    return any(_CUE.search(sentence) for sentence in _sentences(text[-MAX_TAIL:]))


def _confirms(sentences: list[str], kind: Kind, label: str | None) -> bool:
    """Whether a second thought ends in the same answer, as in `Yes, 24 is right`."""
    match = _CONFIRMED.search(sentences[-1])
    reading = kind.read(match["again"]) if match else None
    return reading is not None and reading.label == label


def _last_sentence(sentences: list[str], kind: Kind) -> Reading | None:
    """What the last sentence says the answer is, as in `So it is Pharmacology`."""
    if not sentences:
        return None
    sentence = sentences[-1]
    if match := _CONCLUDES.match(sentence):
        return kind.read(sentence[match.end() :])
    therefore = _THEREFORE.match(sentence) if isinstance(kind, Number) else None
    reading = kind.read(sentence[therefore.end() :]) if therefore else None
    reckoned = re.findall(r"=\s*\W?([\d.,]+)", " ".join(sentences[:-1]))
    if reading and reckoned and kind.score(reading.label, reckoned[-1].rstrip(".,")) != 1:
        return None
    return reading


def _line(line: str, kind: Kind) -> Reading | None:
    """The answer that a line is, and no more; of free text a name or a number."""
    if _is_free(kind):
        words = line.strip(" .*_`\"'").split()
        named = words and len(words) <= 3 and all(w[:1].isupper() or w[:1].isdigit() for w in words)
        return kind.read(line) if named else None
    reading = kind.read(_LIST.sub("", line))
    return reading if reading and reading.exact else None


def _goes_on(rest: str, reading: Reading, kind: Kind) -> bool:
    """Whether the next line is another answer, as in a list of them."""
    line = next((line for line in rest.split("\n") if line.strip()), "")
    other = kind.read(_LIST.sub("", line)) if len(line) < _ONE_LINE else None
    like = other and (other.exact or (not isinstance(kind, Choice) and line.strip()[:1].isdigit()))
    return bool(other and like and other.label != reading.label)


def _unlisted(statement: str, rest: str, kind: Kind) -> tuple[str, bool]:
    """A statement without its number in a list, and whether it is one of several or may be.

    `- 12` may be an item or a number below zero.
    """
    item = _ITEM.match(statement)
    if not item:
        return statement, False
    following = next((line for line in rest.split("\n") if line.strip()), "")
    inside = statement[item.end() :]
    if _NEXT_ITEM.match(following):
        return inside, True
    if item["bullet"]:
        return inside, item["bullet"] in ("-", "–", "+")
    return statement, kind.read(inside) is not None


def _opening_choice(lines: list[str], kind: Kind) -> tuple[Reading, str] | None:
    """A choice that a text begins with, set off from its reasons: `Yes, because`, `B. The ...`.

    Where another line begins so, too, the text goes through the choices one by one.
    """
    if not isinstance(kind, Choice):
        return None
    opened = [match for line in lines if (match := _OPENING.match(line))]
    readings = [(kind.read(match["answer"]), match) for match in opened]
    exact = [(reading, match) for reading, match in readings if reading and reading.exact]
    if len(exact) != 1 or exact[0][1].string != lines[0]:
        return None
    reading, match = exact[0]
    assert reading is not None
    rest = "\n".join([lines[0][match.end() :], *lines[1:]])
    if _NO_OPENING.match(rest) or kind.names_another(rest, reading.label):
        return None
    return reading, rest


def _is_free(kind: Kind) -> bool:
    return isinstance(kind, Text) and kind.choice is None


def first_statement(tail: str) -> tuple[str, str]:
    """The first line that says anything, without its bullet, and the text behind it.

    Of a list with boxes it is the one line that is ticked; a code fence is none.
    """
    tail = _FENCE.sub("", tail)
    ticked = _TICKED.findall(tail)
    if len(ticked) == 1:
        return ticked[0].strip(), ""
    rest = re.sub(r"^[ \t\r\n:：=#]*(?:=?>(?=[ \t])[ \t]*)?", "", tail)
    if not rest.strip("*_ \t\r\n"):
        return "", ""
    if tag := _ANSWER_TAG.search(rest):
        return rest[: tag.start()].strip(), rest[tag.end() :]
    line, _, behind = rest.partition("\n")
    while not line.strip("*_ \t\r") and behind:
        line, _, behind = behind.lstrip().partition("\n")
    for emphasis in ("**", "__"):
        if line.count(emphasis) % 2:  # one end of it stands before the marker
            line = line.strip().removeprefix(emphasis).removesuffix(emphasis)
            line = line.removesuffix(f"{emphasis}.")
    return _LIST.sub("", line).strip(), behind


def _sentences(text: str) -> list[str]:
    spaced = visible(re.sub(r"(?<=[。！？])", " ", text))
    return [part for part in _SENTENCE.split(spaced) if part and part.strip()]
