"""How the configuration names a function of the project's own: `python:module:function`."""

import re
from typing import NamedTuple

SCHEME = "python:"
FORM = f"{SCHEME}module:function"
"""What one writes."""
_FORM = re.compile(r"python:(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)")


class Reference(NamedTuple):
    """A function of a module in the project's folder `stages`."""

    module: str
    function: str


def is_reference(text: object) -> bool:
    """Whether a value of the configuration names a function, rightly or not."""
    return isinstance(text, str) and text.startswith(SCHEME)


def parse_reference(text: str) -> Reference:
    """Raises ValueError that says how one is written."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(
            f"a function of your own is written `{FORM}`, such as "
            "`python:reviews:load` for `def load` in stages/reviews.py, or "
            "`python:own.reviews:load` in stages/own/reviews.py"
        )
    return Reference(match["module"], match["function"])


def checked_reference(text: str) -> str:
    """A text that is well-formed; else ValueError."""
    parse_reference(text)
    return text
