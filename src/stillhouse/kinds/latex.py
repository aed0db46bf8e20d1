r"""Mathematics in LaTeX: fractions, roots, intervals, sets, tuples, compared by their value.

Values come from `math-verify`: its LaTeX reader, since its other one evaluates Python. It runs in a
process of its own, for it can take for ever over a power of a power, and is then ended.
"""

import atexit
import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from stillhouse.kinds.kind import Kind, Reading
from stillhouse.kinds.markup import boxed, unwrapped, visible, without_wrappers
from stillhouse.kinds.numbers import last_number, written

MAX_LENGTH = 400
SECONDS = 5.0


class Latex(Kind):
    score_name = "latex_accuracy"

    def __init__(self, choices: Sequence[str] = ()) -> None:
        """`choices` have no part in a formula."""

    def read(self, statement: str) -> Reading | None:
        formula = _formula(statement)
        if formula is None or _WORKER.value(formula) is None:
            return None
        return Reading(formula, exact=formula == statement.strip().removesuffix("."))

    def canonical(self, answer: str) -> str | None:
        formula = _formula(answer)
        return None if formula is None else _WORKER.value(formula)

    def score(self, prediction: str, gold: str) -> float:
        r"""1 where `math-verify` finds both equal: `0.5` and `\frac12`, sets in any order."""
        said, meant = _formula(prediction), _formula(gold)
        if said is None or meant is None or self.canonical(gold) is None:
            return 0.0
        return float(_WORKER.same(meant, said))

    def ends_on(self, rationale: str, label: str) -> bool:
        """Whether a rationale's last box, or its last number, has the label's value."""
        boxes = boxed(rationale)
        if boxes:
            return self.score(boxes[-1][2], label) == 1
        number = last_number(rationale)
        return number is not None and self.score(written(number), label) == 1

    def names_answer(self, text: str) -> bool:
        return any(character.isdigit() or character in "\\$" for character in text)


def _formula(statement: str) -> str | None:
    """The formula that a statement is: what stands in its only box, else the whole of it."""
    text = visible(statement).strip()
    boxes = boxed(text)
    if len(boxes) == 1:
        text = boxes[0][2]
    elif boxes:
        return None
    text = without_wrappers(text).strip()
    for left, right in ((r"\(", r"\)"), (r"\[", r"\]"), ("$$", "$$"), ("$", "$")):
        core = text.removesuffix(".").rstrip()
        if core.startswith(left) and core.endswith(right) and len(core) > len(left + right):
            text = core[len(left) : -len(right)].strip()
    # A percent sign is a unit, as it is for numbers.
    text = unwrapped(text.removesuffix(".").strip()).removesuffix("%").removesuffix("\\").strip()
    return text if text and len(text) <= MAX_LENGTH and "\n" not in text else None


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
        """The reply to one request; None when the process hung on it, or died of it."""
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
                    raise OSError("no reply")
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
