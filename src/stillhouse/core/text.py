"""Text from outside, made fit to be stored and to be shown."""

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSAFE = re.compile("[^\n\t -~]")


def whole(text: str) -> str:
    """The text with every lone surrogate, which no file can hold, as the replacement character."""
    return _SURROGATE.sub("\ufffd", text)


def printable(text: str) -> str:
    """The text as a terminal may show it: what would steer one is written out as its code.

    That is every control character but newline and tab, of ASCII and of C1, and the marks that
    change the direction of what follows. Letters and signs of all scripts stay.
    """
    return _UNSAFE.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() else repr(character)[1:-1]
