r"""Mathematics in LaTeX: fractions, roots, intervals, sets, tuples, compared by their value.

Values come from `math-verify`: its LaTeX reader, since its other one evaluates Python. It runs in a
process of its own, for it can take for ever over a power of a power, and is then ended.
"""

import atexit
import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from stillhouse.kinds.kind import MAX_STATEMENT, Kind, Reading
from stillhouse.kinds.markup import DELIMITERS, boxed, unwrapped, visible, without_wrappers
from stillhouse.kinds.number import Number
from stillhouse.kinds.numbers import is_unit, last_number, written

MAX_LENGTH = 400
SECONDS = 5.0
MAX_POINTS = 4  # of a figure: `ABCD`

# What a formula spells out: the names of functions, and products of variables.
_FUNCTIONS = """
sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp pi max min gcd det deg
"""
_NAMES = frozenset([*_FUNCTIONS.split(), "sqrt", "lcm", "mod", "abc", "xyz"])
_BARE_NAME = re.compile(rf"(?<![\\A-Za-z])(?:{'|'.join(_FUNCTIONS.split())})(?![A-Za-z])")
# The signs of other scripts that the reader of LaTeX does not know.
_SIGNS = {
    "∞": r"\infty ", "·": r"\cdot ", "½": r"\frac12", "⅓": r"\frac13",
    "⅔": r"\frac23", "¼": r"\frac14", "¾": r"\frac34", "±": r"\pm ", "∪": r"\cup ",
}  # fmt: skip
_ROOT = re.compile(r"√\s*(?:(?P<plain>[0-9]+|[a-z])|\((?P<inside>[^()]*)\))")
# `10 000`, `1\,000`; and `3{,}14`, a decimal comma.
_GAP = r"(?:\\[,;:! ]|~|[ \u2009]|\{,\})"
_GROUPED = re.compile(rf"(?<![\d.])\d{{1,3}}(?:{_GAP}\d{{3}})+(?!\d)")
_DECIMAL = re.compile(r"(?<!\d)(\d+)\{,\}(\d{1,2})(?!\d)")
_RAISED = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWER = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
# Words of two letters; any other two are a product, as `xy` is.
_SHORT = """
am an as at be by cm do dm ft he if in is it kg km lb me ml mm my no of oh ok on or oz so to up us
we
"""
_SHORT_WORDS = frozenset(_SHORT.split())
_COMMAND = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox|operatorname|begin|end)\s*\{[^{}]*\}"
    r"|\\[A-Za-z]+"
)
_LETTERS = re.compile(r"[^\W\d_]{2,}(?:['’.-][^\W\d_]+)*")
_MATHS = re.compile(
    r"\$\$(?P<display>[^$]+)\$\$|\$(?P<inline>(?:\\.|[^$\\])+)\$|\\\((?P<round>.+?)\\\)"
    r"|\\\[(?P<square>.+?)\\\]",
)
_TEXT_ALONE = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mbox)\s*\{(?P<words>[^{}]*)\}")
_EQUATION = re.compile(r"\s*(?P<name>\\?[A-Za-z]+)\s*=[^=]+")
_OR = re.compile(r"\s+or\s+|\s*\\text\s*\{\s*or\s*\}\s*")
_JOINED = re.compile(r"\s*,?\s*\b(?P<word>and|or)\b\s*|\s*,\s*")
_LEADS = re.compile(
    r"(?:(?:exactly|simply|just|equal to|equals|it is|it's|given by|approximately|about|≈|=|:"
    r"|the (?:interval|set|point|pair|vector|matrix|value|number|fraction|expression))\s*)*"
    r"(?P<name>\\?[A-Za-z]\s*=\s*)?",
    re.IGNORECASE,
)
_NO_ANSWERS = re.compile(
    r"\b(?:not|cannot|unknown|unclear|unsure|ambiguous|maybe|perhaps|wrong|correct|incorrect|clear"
    r"|obvious|simple|easy|trivial|found|given|based|derived|explained|determined|follows|below"
    r"|above|unique|important|(?:your |final )?answer|result|number|value|label)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
# What a `\text{}` in a formula may make of it.
_TURNED = re.compile(r"\b(?:not|at (?:least|most)|between|(?:more|less|fewer) than|about|or)\b")
_ONE_WORD = re.compile(
    r"(?!(?:no|neither|either|both|nothing|here|this|that|there|the|it|as|so)$)[^\W\d_]+(?:-[^\W\d_]+)*"
    r"|no (?:(?:real|integer) )?solutions?",
    re.IGNORECASE,
)
_EXCLAIMED = re.compile(r"(\$|\\\)|\\\])\s*!+$")
_BASE = re.compile(r"[0-9A-Z]_\{?(?P<base>[0-9]+)\}?$")


class Latex(Kind):
    def __init__(self, choices: Sequence[str] = ()) -> None:
        """`choices` have no part in a formula."""

    def read(self, statement: str) -> Reading | None:
        formula = _said(statement)
        if formula is None or _is_undecided(formula) or _WORKER.value(formula) is None:
            return None
        if any(_TURNED.search(match["words"]) for match in _TEXT_ALONE.finditer(formula)):
            return None
        if formula.endswith("!") and statement.rstrip().endswith("!"):  # a factorial, or a cry
            return None
        return Reading(formula, exact=formula == _undelimited(statement.strip()).removesuffix("."))

    def canonical(self, answer: str) -> str | None:
        formula = _said(answer)
        value = None if formula is None else _WORKER.value(formula)
        base = _BASE.search(formula or "")
        return f"{value} in base {base['base']}" if value and base else value

    def score(self, prediction: str, gold: str) -> float:
        r"""1 where `math-verify` finds both equal: `0.5` and `\frac12`, sets in any order."""
        said, meant = _said(prediction), _said(gold)
        if said is None or meant is None or self.canonical(gold) is None:
            return 0.0
        bases = [found["base"] for text in (said, meant) if (found := _BASE.search(text))]
        return float(len(set(bases)) < 2 and _WORKER.same(meant, said))

    def ends_on(self, rationale: str, label: str) -> bool | None:
        """Whether a rationale's last box, or its last number, has the label's value."""
        boxes = boxed(rationale)
        if boxes:
            return self.score(boxes[-1][2], label) == 1
        number = last_number(rationale)
        return None if number is None else self.score(written(number), label) == 1

    def names_answer(self, text: str) -> bool:
        return any(character.isdigit() or character in "\\$" for character in text)


def _said(statement: str) -> str | None:
    """The formula that a statement is; None where words beside it may turn what it says.

    Letters side by side are a product to mathematics, so that `not 5` would have a value.
    """
    if len(statement) > MAX_STATEMENT:
        return None
    text = _EXCLAIMED.sub(r"\1", _with_one_box(visible(statement).strip()))
    text = without_wrappers(text).removesuffix(".").strip()
    parts = list(_MATHS.finditer(text))
    found = _between_delimiters(text, parts) if parts else _undelimited_statement(text)
    if found is None:
        return None
    # A percent sign is a unit, as it is for numbers.
    formula = unwrapped(found.removesuffix(".").strip()).removesuffix("%").removesuffix("\\")
    formula = _in_latex(formula.strip())
    whole = formula and len(formula) <= MAX_LENGTH and "\n" not in formula
    return formula if whole and not _prose(formula) else None


def _with_one_box(text: str) -> str:
    r"""`\boxed{5} apples` as `\(5\) apples`; two boxes stay, and are no formula."""
    boxes = boxed(text)
    if len(boxes) != 1:
        return text
    start, end, inside = boxes[0]
    before, after = text[:start].rstrip(), text[end:].lstrip()
    for left, right in DELIMITERS:
        if before.endswith(left) and after.startswith(right):
            before, after = before.removesuffix(left), after.removeprefix(right)
            break
    return rf"{before}\({_undelimited(inside)}\){after}"


def _between_delimiters(text: str, parts: Sequence[re.Match[str]]) -> str | None:
    """What stands between the delimiters of mathematics, if the words around leave it as it is."""
    joints = [_JOINED.fullmatch(text[one.end() : other.start()]) for one, other in pairwise(parts)]
    listed = joints.index(None) + 1 if None in joints else len(parts)
    parts, joints = parts[:listed], joints[: listed - 1]
    led = _LEADS.fullmatch(text[: parts[0].start()].strip())
    after = text[parts[-1].end() :]
    if led is None or (after.strip(" .") and not is_unit(after)):
        number = Number().read(text)
        return number.label if number else None
    formulas = [next(filter(None, part.groups())).strip() for part in parts]
    if any(joint and joint["word"] == "or" for joint in joints) and not _one_unknown(formulas):
        return None
    return (led["name"] or "") + ", ".join(formulas)


def _is_undecided(text: str) -> bool:
    """Whether `text` leaves it open which of two it means."""
    alternatives = _OR.split(text)
    return len(alternatives) > 1 and not _one_unknown(alternatives)


def _one_unknown(formulas: Sequence[str]) -> bool:
    """Whether all say what one unknown is: `x = 2 or x = -2` are two solutions, `2 or 3` none."""
    names = {match["name"] if (match := _EQUATION.fullmatch(each)) else None for each in formulas}
    return len(names) == 1 and None not in names


def _undelimited_statement(text: str) -> str | None:
    """A formula, a number as people write it, a formula and its unit, or a word."""
    words = _prose(text)
    if not words:
        return text.removeprefix("$")
    if _OR.search(text):
        return None if _is_undecided(text) else ", ".join(_OR.split(text))
    if {word[0] for word in words} == {"and"}:
        return ", ".join(re.split(r"\s*,?\s+and\s+", text))
    if number := Number().read(text):
        return number.label
    led = _LEADS.match(text)
    start = led.end() - len(led["name"] or "") if led else 0
    words = [word for word in words if word.start() >= start]
    if not words:
        return text[start:]
    head, rest = text[start : words[0].start()], text[words[0].start() :]
    if head.strip():
        return head.strip() if is_unit(f" {rest}") and any(c.isdigit() for c in head) else None
    alone = _ONE_WORD.fullmatch(text) and not _NO_ANSWERS.search(text)
    return rf"\text{{{text}}}" if alone else None


def _in_latex(text: str) -> str:
    r"""`2π√3` and `sin x` as LaTeX writes them."""
    text = _DECIMAL.sub(r"\1.\2", _GROUPED.sub(lambda m: re.sub(r"\D+", "", m[0]), text))
    text = _RAISED.sub(lambda match: f"^{{{match[0].translate(_LOWER)}}}", text)
    text = _ROOT.sub(lambda match: rf"\sqrt{{{match['plain'] or match['inside']}}}", text)
    text = re.sub(r"\s*°\s*[CF]?\b", r"^\\circ ", text)
    for sign, command in _SIGNS.items():
        text = text.replace(sign, command)
    return _BARE_NAME.sub(lambda match: f"\\{match[0]}", text).strip()


def _prose(text: str) -> list[re.Match[str]]:
    """The words in `text` that are no part of a formula."""
    if (alone := _TEXT_ALONE.fullmatch(text)) and _NO_ANSWERS.search(alone["words"]):
        return list(_LETTERS.finditer(text))
    blank = _COMMAND.sub(lambda match: "\\" * len(match[0]), text)
    return [
        word
        for word in _LETTERS.finditer(blank)
        if word[0] not in _NAMES
        and not (word[0].isupper() and len(word[0]) <= MAX_POINTS)
        and (len(word[0]) > 2 or word[0].lower() in _SHORT_WORDS)
    ]


def _undelimited(text: str) -> str:
    r"""The formula between `\(…\)`, `\[…\]`, `$…$` or `$$…$$`, a full stop behind them aside."""
    core = text.removesuffix(".").rstrip()
    match = _MATHS.fullmatch(core)
    return next(filter(None, match.groups())).strip() if match else text


class _Worker:
    """The process that reckons; started at the first formula, and anew after one that hung."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.value = lru_cache(maxsize=1 << 16)(self._value)
        self.same = lru_cache(maxsize=1 << 16)(self._same)

    def _value(self, formula: str) -> str | None:
        value = self._ask({"value": formula})
        return value if isinstance(value, str) else None

    def _same(self, gold: str, said: str) -> bool:
        return gold == said or self._ask({"gold": gold, "said": said}) is True

    def _ask(self, request: dict[str, str]) -> Any:
        """The response to one request; None when the process hung on it, or died of it."""
        process = self._running()
        assert process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            limit = SECONDS
            line = b""
            while not line.endswith(b"\n"):
                ready, _, _ = select.select([process.stdout], [], [], limit)
                piece = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
                if not piece:
                    raise OSError("no response")
                line += piece
            return json.loads(line)
        except OSError:
            self.close()
            return None

    def _running(self) -> "subprocess.Popen[bytes]":
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stillhouse.kinds.latex_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert self.process.stdout
            self.process.stdout.readline()  # it says when its libraries are loaded
        return self.process

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe:
                    pipe.close()
            self.process = None


_WORKER = _Worker()
atexit.register(_WORKER.close)
