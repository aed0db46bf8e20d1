"""The one error that users see, and the suggestion of near names."""

from collections.abc import Iterable
from difflib import get_close_matches


class StillhouseError(Exception):
    """A mistake the user can mend.

    The message says what is wrong, where, the offending value and what to do; stages and the
    command line print it without a traceback.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the nearest known names, and lists all of them when few."""
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return f"{hint} Known: {', '.join(names) or 'none'}."
