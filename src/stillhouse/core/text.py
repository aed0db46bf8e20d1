"""Text from outside, made fit to be stored and to be shown."""

import re
import unicodedata

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSAFE = re.compile("[^\n\t -~]")


def whole(text: str) -> str:
    """The text with every lone surrogate, which no file can hold, as the replacement character."""
    return _SURROGATE.sub("\ufffd", text)


def printable(text: str) -> str:
    """The text as a terminal may show it: what would steer one is written out, as in `\\x1b`.

    That is every control character but newline and tab, of ASCII and of C1, and the marks that
    change the direction of what follows. Letters and signs of all scripts stay.
    """
    return _UNSAFE.sub(lambda found: _shown(found[0]), text)


def _shown(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()
