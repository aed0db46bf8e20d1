"""Answers that name one of the choices: by text, by letter, or by both."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_LETTER = re.compile(
    r"""(?:(?:option|choice)\s+)?
    (?:[(\[](?P<boxed>[a-z])[)\]]                     # (b)
    |(?P<open>[a-z])(?:\)|[.:](?=\s|$)|\s[-–—](?=\s)|$))  # b)  b.  b:  b -  and the letter alone
    \s*(?P<rest>.*)""",
    re.VERBOSE | re.DOTALL,
)
_TOKEN = re.compile(r"[(\[][a-z][)\]]|[^\W_]+(?:['’][^\W_]+)*")
_ARTICLES = ("a ", "an ", "the ")
_NEGATIONS = {"not", "no", "never", "none", "neither", "nor", "cannot", "without", "except"}


@dataclass(frozen=True)
class Choice:
    """A choice that was read; `exact` when the answer held its letter or text and no more."""

    text: str
    exact: bool


@dataclass(frozen=True)
class _Index:
    """What matching needs of one list of choices; positions of equal texts are merged."""

    keys: tuple[str, ...]
    bare: tuple[str, ...]
    phrases: dict[str, list[tuple[list[str], int]]]
    """By first word, longest first: the words of each choice and its position."""

    def first(self, position: int) -> int:
        return self.keys.index(self.keys[position])

    def by_text(self, key: str) -> int | None:
        if key in self.keys:
            return self.keys.index(key)
        bare = _without_article(key)
        matches = {self.first(i) for i, other in enumerate(self.bare) if bare and other == bare}
        return matches.pop() if len(matches) == 1 else None

    def by_letter(self, letter: str) -> int | None:
        position = ord(letter) - ord("a")
        return self.first(position) if position < len(self.keys) else None


def read_choice(answer: str, choices: Sequence[str]) -> Choice | None:
    """The one choice that `answer` is: `train station`, `b`, `(b)`, `B.`, `(b) train station`.

    Text is compared whole, never as a substring: without case, outer punctuation and, when
    nothing matches otherwise, a leading article. A letter that stands beside text which is no
    choice (a misspelling) decides. None when letter and text name different choices, when the text
    names others too, or negates.
    """
    index = _index(tuple(choices))
    position = index.by_text(_key(answer))
    if position is not None:
        return Choice(choices[position], exact=True)
    match = _LETTER.fullmatch(_key(answer))
    letter = index.by_letter(match["boxed"] or match["open"]) if match else None
    if match is None or letter is None:
        return None
    rest = match["rest"]
    if not rest.strip() or index.by_text(_key(rest)) == letter:
        return Choice(choices[letter], exact=True)
    if set(named_choices(rest, choices)) - {letter} or negates(rest, choices):
        return None
    return Choice(choices[letter], exact=False)


def named_choices(text: str, choices: Sequence[str]) -> list[int]:
    """The choices that `text` names in whole words or as `(b)`, in order; equal texts count as one.

    Where choices overlap the longest is meant (`going to jail`, not `jail`). A plural `s` or `es`
    behind the last word is passed over.
    """
    tokens = _TOKEN.findall(text.casefold())
    return [choice for choice, _ in _mentions(tokens, _index(tuple(choices)))]


def negates(text: str, choices: Sequence[str]) -> bool:
    """Whether `text` has a negation outside the choices that it names."""
    tokens = _TOKEN.findall(text.casefold())
    inside = {i for _, span in _mentions(tokens, _index(tuple(choices))) for i in span}
    return any(
        token in _NEGATIONS or token.endswith(("n't", "n’t"))
        for i, token in enumerate(tokens)
        if i not in inside
    )


def _mentions(tokens: Sequence[str], index: _Index) -> Iterator[tuple[int, range]]:
    position = 0
    while position < len(tokens):
        choice, length = _mention_at(tokens, position, index)
        if choice is not None:
            yield choice, range(position, position + length)
        position += length


def _mention_at(tokens: Sequence[str], position: int, index: _Index) -> tuple[int | None, int]:
    token = tokens[position]
    if token[0] in "([":
        return index.by_letter(token[1]), 1
    for words, choice in index.phrases.get(token, ()):
        found = tokens[position : position + len(words)]
        if found[:-1] == words[:-1] and len(found) == len(words) and found[-1] in _forms(words[-1]):
            return choice, len(words)
    return None, 1


@lru_cache(maxsize=1 << 14)
def _index(choices: tuple[str, ...]) -> _Index:
    keys = tuple(_key(choice) for choice in choices)
    phrases: dict[str, list[tuple[list[str], int]]] = defaultdict(list)
    texts = [_TOKEN.findall(choice.casefold()) for choice in choices]
    for position in sorted(range(len(choices)), key=lambda i: -len(texts[i])):
        words = texts[position]
        for first in _forms(words[0]) if len(words) == 1 else words[:1]:
            phrases[first].append((words, keys.index(keys[position])))
    return _Index(keys, tuple(map(_without_article, keys)), dict(phrases))


def _forms(word: str) -> tuple[str, str, str]:
    return word, f"{word}s", f"{word}es"


def _without_article(folded: str) -> str:
    return next((folded.removeprefix(a) for a in _ARTICLES if folded.startswith(a)), folded)


def _key(text: str) -> str:
    """Casefolded, whitespace collapsed, without quotes and punctuation around it."""
    collapsed = " ".join(text.casefold().split())
    return collapsed.strip(" .,;:!?*_`\"“”‘’'") or collapsed
