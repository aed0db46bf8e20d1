"""Runs the checks, each within its time, and prints a line of each as it ends."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Thread

from stillhouse.core.errors import StillhouseError
from stillhouse.core.text import printable
from stillhouse.report.layout import MOST_PROSE, wrapped

OK, NOTE, WRONG = "ok", "note", "wrong"
"""`note`: worth knowing, nothing stops. `wrong`: the configured run needs it."""


@dataclass(frozen=True)
class Finding:
    """What a check found, in a sentence; where something is missing, also what to do."""

    level: str
    text: str


@dataclass(frozen=True)
class Check:
    """A check by the name of what it looks at; it has so many seconds."""

    name: str
    look: Callable[[], Iterable[Finding]]
    seconds: float = 10.0


def run(check: Check) -> list[Finding]:
    """What a check finds; what it cannot do, or not in time, is a finding as well."""
    found: list[Finding] = []

    def look() -> None:
        try:
            found.extend(check.look())
        except StillhouseError as error:
            found.append(Finding(WRONG, str(error)))
        except Exception as error:  # a doctor falls ill of nothing: the other checks go on
            found.append(Finding(WRONG, f"the check failed: {type(error).__name__}: {error}"))

    # No pool: a thread that hangs in a connection must not keep the command from ending.
    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(check.seconds)
    if thread.is_alive():
        return [Finding(WRONG, f"no answer within {check.seconds:g} s.")]
    return found


def lines(check: Check, found: Sequence[Finding], names: int, width: int) -> Iterator[str]:
    """The findings of a check; `names` is the width of the column of names."""
    for finding in found:
        head = f"{finding.level:<5}  {check.name:<{names}}  "
        # One line of a log cannot be told from another where a message has lines of its own.
        text = " ".join(printable(finding.text).split())
        folded = wrapped(text, max(20, min(width, MOST_PROSE) - len(head))) or [""]
        yield f"{head}{folded[0]}".rstrip()
        yield from (f"{'':<{len(head)}}{line}" for line in folded[1:])


def examine(checks: Sequence[Check], width: int, say: Callable[[str], None]) -> int:
    """Run all checks and say what each finds as it ends; 1 where something is wrong, else 0."""
    names = max(len(check.name) for check in checks)
    levels = []
    for check in checks:
        found = run(check)
        levels += [finding.level for finding in found]
        for line in lines(check, found, names, width):
            say(line)
    wrong = levels.count(WRONG)
    say("")
    say(f"{wrong} of {len(levels)} wrong." if wrong else "Nothing is missing.")
    return 1 if wrong else 0
