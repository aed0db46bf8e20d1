"""When two queries are the same: the one definition, for whatever keeps repeats apart.

Case, white space, width and the marks that only frame or separate words make no difference. Signs
that carry meaning do: `3.5` is not `35`, `-5` not `5`, `C++` not `C`, `5!` not `5`.
A mark that may be either, such as the last one of `in 1945!`, is taken to carry meaning.
"""

import re
import unicodedata

SIGNS = "%‰#@&*/\\·{}"
"""Punctuation, as Unicode calls it, that always says something."""
PLACED = "'()[].,:!-"
"""Punctuation that says something in certain places; `RULES` know which."""

_LETTER = r"[^\W\d_]"
_ALONE = rf"{_LETTER}(?!{_LETTER})"
_OPERATOR = "[－+*/^=×÷<>≤≥≠±√|·]"


def _after_operand(mark: str) -> str:
    """Behind a number, a bracket or a letter that stands alone."""
    return rf"(?:(?<=[\d)\]]{mark})|(?<=(?<!{_LETTER}){_LETTER}{mark}))"


RULES = tuple(
    (re.compile(pattern), kept)
    for pattern, kept in (
        # Minus: before a number, a bracket or a root, unless it joins a word to it (`covid-19`);
        # between letters that stand alone; on the left of such a letter.
        (rf"-(?<!{_LETTER}{{2}}-)(?= ?(?:\.?\d|[(\[$€£¥√∞\\]))", " － "),
        (rf"-(?:{_after_operand('-')}|{_after_operand(' -')})(?= ?{_ALONE})", " － "),
        (rf"-(?<!\w-)(?={_ALONE})", " － "),
        # Decimals, thousands, ratios and times.
        (r"\.(?=\d)(?:(?<=\d\.)|(?<![\w.)]\.))", "．"),
        (r",(?=\d{3}(?!\d))(?<=\d,)", "，"),
        (r":(?= ?\d)(?:(?<=\d:)|(?<=\d :))", " ： "),
        # Factorials, and `!=`.
        (rf"!(?:(?= ?=)|{_after_operand('!')}(?<!\w\w\)!))", " ！ "),
        # Derivatives, f'(x), y'': neither the end of a quoted letter nor an apostrophe.
        (rf"'(?!\w)(?:(?<=(?<!['\w]){_LETTER}')|(?<=(?<!['\w]){_LETTER}''))", " ＇ "),
        # Brackets beside an operator, and square ones around numbers, as of an interval.
        (rf"\((?<={_OPERATOR} \()", " （ "),
        (rf"\)(?= ?{_OPERATOR})", " ） "),
        (rf"\[(?:(?<={_OPERATOR} \[)|(?=[ －]{{0,4}}\d))", " ［ "),
        (rf"\](?:(?= ?{_OPERATOR})|(?<=\d\]))", " ］ "),
    )
)
"""Where a mark is kept, and what then stands for it: full-width forms, which no text has any more
by then.
"""
_DROPPED = str.maketrans(dict.fromkeys(PLACED, " "))
_SUPERSCRIPTS = re.compile("[⁰¹²³⁴-ⁿⁱ]+")
_FRACTIONS = re.compile("(?=[¼-¾⅐-⅞])")
_HYPHENS, _QUOTES = "\N{MINUS SIGN}", '"`\N{ACUTE ACCENT}\N{PRIME}'
_EM_DASHES = "\N{EM DASH}\N{HORIZONTAL BAR}"


def query_key(query: str) -> str:
    """The same text for two queries exactly when they are the same query."""
    text = _FRACTIONS.sub(" ", _SUPERSCRIPTS.sub(r"^\g<0>", query))
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    marked = _spaced(folded.translate(_CHARACTERS))
    for pattern, kept in RULES:
        marked, found = pattern.subn(kept, marked)
        marked = _spaced(marked) if found else marked
    return _spaced(marked.translate(_DROPPED)) or _spaced(folded)


def _spaced(text: str) -> str:
    return " ".join(text.split())


class _Characters(dict[int, str]):
    """What each character becomes, looked up in Unicode's classes when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = written = _written(chr(code))
        return written


def _written(character: str) -> str:
    kind = unicodedata.category(character)
    written = character
    if kind == "Cf":  # zero-width joiners, soft hyphens, byte order marks
        written = ""
    elif character in _EM_DASHES:
        written = " "
    elif character in _HYPHENS or kind == "Pd":
        written = "-"
    elif character in _QUOTES or kind in ("Pi", "Pf"):
        written = "'"
    elif character in SIGNS or kind[0] == "S":
        written = f" {character} "
    elif character not in PLACED and (kind[0] in "PZ" or kind == "Cc"):
        written = " "
    return written


_CHARACTERS = _Characters()
