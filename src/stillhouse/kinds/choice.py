"""Answers that are one of a row's choices: by text, by letter, or by both."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import takewhile

from stillhouse.kinds.kind import MAX_STATEMENT, Kind, Reading
from stillhouse.kinds.markup import bare, unwrapped, visible
from stillhouse.kinds.numbers import is_unit, read_number

LETTERS = "abcdefghijklmnopqrstuvwxyz"

# How alike a text beside its letter must be to its choice, and how much less to the others.
_ALIKE = 0.6

_LETTER = re.compile(
    r"""(?:(?:option|choice|letter|answer)\s+)?
    (?:[(\[]{1,2}(?P<boxed>[a-z])[)\]]{1,2}                           # (b)  [b]  [[b]]
    |(?P<open>[a-z])(?:\)|(?=[.:,;!?](?:\s|$)|\()|(?=\s+[-–—]\s)|$|(?=\s)))  # b)  b.  b:  b -  b
    """,
    re.VERBOSE,
)
# Of a list that is longer than the alphabet: `ab`, `(ab)`, `(ab) pine`.
_TWO_LETTERS = re.compile(r"[(\[]?(?P<letters>[a-z]{2})(?:[)\].:]|(?=\s|$))(?:\s*(?P<text>.+))?")
# Behind a letter; a dash right before a number or a word belongs to that.
_SEPARATOR = re.compile(r"\s*[.:,;!?]*(?:\s*[-–—]+(?=\s))?\s*")
# A verb that stands behind its noun: `(b)です`, `(b)입니다`.
_COPULA = re.compile(
    r"(?:(?:だと思い|になり)ます|です|でしょう|である|だ|(?:번)?(?:입니다|이다)|이에요|예요)$"
)
_NUMBERED = re.compile(r"\d{1,2}\s*[.):]?\s*\(?(?P<text>[^()]+)\)?")

# What may stand before a letter: `la opción A`, `a letra C`.
_LETTER_WORD = re.compile(
    r"(?:la |a )?(?:opci[oó]n|opç[aã]o|letra|lettera|lettre|opzione)\s+(?=[a-z]\b)|la\s+(?=[a-z]$)"
)
# What may stand before a choice without turning it.
_FRAME = re.compile(
    r"(?:(?:that|the|a|an|this|it|is|are|was|it['’]s|would|must|should|be|to|most|very|probably"
    r"|(?:almost\s+)?certainly|without\s+a\s+doubt|resounding|definite|firm|clear|approximately|still"
    r"|overwhelmingly|both(?=\s.*\sand\s)|eindeutig|donc"
    r"|likely|clearly|definitely|obviously|surely|simply|just|indeed|therefore|thus|so"
    r"|hence|i['’]d|say|i|think|believe|choose|chose|pick|select|correct|best|right|final"
    r"|hypothesis|premise|sentence|statement|answer|option|choice|label|class|category|equals|one"
    r"|of|these|following|called|labell?ed|classified|as|considered|in|at|on)\b[\s:,]*"
    r"|(?:der|die|das|ein|eine|la|le|les|un|une|el|los|las|lo|il)\s+|l'"
    r"|[-–—•]+(?=\s)|[*:\s,]+)",
)
_MEANT = re.compile(
    r"(?:^neither\b.+?\bnor\b.+?,\s*(?:so|but|hence|thus|therefore)|\bsuch as|\bi\.\s?e\.,?"
    r"|\bnamely,?|\bthat is,|\bspecifically,?)\s+"
)

# `not X but Y`, in the languages that say it so.
_NOT_BUT = re.compile(
    r"(?:not|nicht|keine?|no|non|ليست?)\s+(?P<denied>.+?)"
    r"(?:,?\s+(?:but(?:\s+rather)?|sondern|sino|mais|بل)|[,;:]\s*(?:it(?:['’]s|\s+is)|rather|instead))\s+"
    r"(?P<meant>.+)"
)
_NOT_BUT_BEHIND = re.compile(
    r"(?P<denied>.+?)(?:ではなく|じゃなく|(?:이|가)\s*아니라)[、,\s]*(?P<meant>.+)|不是(?P<first>.+?)，?而是(?P<second>.+)"
)

# What stands behind a choice and only says why.
_REASON = re.compile(
    r"(?:because|since|as|due to|given|for|so|which|where|when|while|whereas|with|in|on|at|by|from"
    r"|to|if|that|who|would|will|can|may|might|is|are|was|makes?|fits?|matches|according|based"
    r"|of it)\b"
)
_INSTEAD = re.compile(
    r"(?:rather than|instead of|and not|but not|not|over|unlike|as opposed to|et non|und nicht|y no"
    r"|e non)\b[\s,]+(?P<other>.+)"
)
_COORDINATED = re.compile(
    r"(?:(?:,\s*)?(?:or|and|and/or|nor|as well as|also|plus|but also|along with|together with"
    r"|either|maybe|possibly|perhaps|even|then)\b|[/&+|]|then\b)"
)
_CONDITION = re.compile(r"(?:only )?(?:if|unless|provided|assuming|supposing)\b")
_SURE = re.compile(
    r",?\s+(?:i (?:think|believe|guess|would say)|most likely|probably|obviously|clearly|for sure"
    r"|without (?:a|any) doubt)\W*"
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|cannot|hardly|barely|scarcely|without|except|wrong|incorrect"
    r"|unlikely|impossible|unsuitable|non)\b|n['’]t\b"
)
_NO_DOUBT = re.compile(r"(?:no|without(?: an?y?)?|not an?y?) (?:doubt|question)\b")
# A word, a number or a sign goes on here, so what stands before is no whole one.
_GOES_ON = re.compile(
    r"[\w%+#°²³½]|[-–/^*&@=](?=[\w(+#])|[.,](?=\d)|['’](?=\w)",
)
_PLURAL = re.compile(r"e?s")
# Before a number; a sign of its own never goes by.
_CURRENCY = re.compile(r"[$€£¥₹]\s?(?=[\d.])")
_LETTER_IN_BRACKETS = re.compile(r"[(\[](?P<letter>[a-z])[)\]]")


_SET_ASIDE = re.compile(
    rf"{_NEGATION.pattern}|\b(?:while|whereas|unlike|rather|instead|would|both|others?|but)\b"
)
# Another letter in a list: `, C and D are wrong`, `b) pine`.
_NEXT_LETTER = re.compile(r"\s*(?:,|and\b|or\b|/|&)\s*[(\[]?[a-z][)\]]?(?=[\s,.;:)/&]|$)")
_LETTERED = re.compile(r"(?:^|[.,;:{]\s*|\n\s*)\"?[(\[]?[b-hj-z]\"?[):]\s")


@dataclass(frozen=True)
class _Mention:
    """A choice that is named in a text, by its text or by its letter in brackets."""

    position: int
    start: int
    end: int


class Choice(Kind):
    def __init__(self, choices: Sequence[str] = ()) -> None:
        """`choices` in their order: the first is `(a)`."""
        self.choices = tuple(choices)
        self.index = _index(self.choices)

    def read(self, statement: str) -> Reading | None:
        """The one choice that a statement names, when nothing else in it could turn the meaning.

        Where choices overlap the longest is meant (`going to jail`, not `jail`); choices with equal
        texts are one. A letter beside text decides only where the text is its choice's, misspelt
        at most.
        """
        position = self.index.exactly(_key(visible(statement)))
        if position is not None:
            return Reading(self.choices[position], exact=True)
        if len(statement) > MAX_STATEMENT:
            return None
        text = _key(
            _COPULA.sub("", bare(statement).replace('"', "").replace("`", "").strip().rstrip(" ."))
        )
        position = self.index.answer(text)
        if position is not None:
            return Reading(self.choices[position], exact=True)
        position = self._understood(text)
        return None if position is None else Reading(self.choices[position], exact=False)

    def canonical(self, answer: str) -> str | None:
        """The text of the choice that `answer` is, as the choices write it."""
        key = _key(visible(answer))
        position = self.index.exactly(key)
        if position is None and len(answer) <= MAX_STATEMENT:
            position = self.index.answer(_key(bare(answer)))
        if position is None and len(answer) <= MAX_STATEMENT:
            position = self._lettered(_key(bare(answer)))
        return None if position is None else self.choices[position]

    def ends_on(self, rationale: str, label: str) -> bool | None:
        """Whether the last choice that a rationale names is the label."""
        mentions = self.index.mentions(_key(visible(rationale)))
        if not mentions:
            return None
        return self.choices[mentions[-1].position] == self.canonical(label)

    def names_answer(self, text: str) -> bool:
        key = _key(bare(text[:MAX_STATEMENT]))
        return bool(self.index.mentions(key)) or self.index.starts_with_letter(key)

    def names_another(self, text: str, label: str) -> bool:
        """Whether `text` names another choice than `label`, and not only to set it aside."""
        own = self.index.first(self.choices.index(label))
        text = _key(visible(text[:MAX_STATEMENT]))
        if _NEXT_LETTER.match(text) or _LETTERED.search(text):
            return True
        return any(
            self._others(sentence, own) and not _SET_ASIDE.search(sentence)
            for sentence in re.split(r"[.!?;]\s|\n", text)
        )

    def is_settled(self, statement: str) -> bool:
        """Whether `statement` is a choice that is not the beginning of another.

        A bare letter may be a word's first.
        """
        key = _key(bare(statement[:MAX_STATEMENT]))
        reading = self.read(statement)
        if reading is None or not reading.exact:
            return False
        if re.search(r"(?:[)\]}\"”]|\*\*)$", statement.strip()):
            return True
        return len(key) > 1 and not self.index.begins_another(key, reading.label)

    def _understood(self, text: str) -> int | None:
        text = _LETTER_WORD.sub("", text, count=1) if _LETTER_WORD.match(text) else text
        position = self._lettered(text)
        if position is not None:
            return position
        if self.index.starts_with_letter(text):
            return None
        if turned := _NOT_BUT.fullmatch(text) or _NOT_BUT_BEHIND.fullmatch(text):
            parts = [part for part in turned.groups() if part]
            denied = self.index.mentions(parts[0]) or _LETTER.fullmatch(parts[0])
            position = self._understood(_COPULA.sub("", parts[1])) if denied else None
            return None if position in self._others(parts[0], -1) else position
        meant = list(_MEANT.finditer(text))
        return self._named(text[meant[-1].end() :] if meant else text)

    def _lettered(self, text: str) -> int | None:
        """A letter with its text or a reason behind it: `(b) train station`, `B because ...`."""
        match = _LETTER.match(text)
        letter = (match["boxed"] or match["open"]) if match else ""
        position = self.index.by_letter(letter) if match else None
        if match is None or position is None:
            return None
        if letter in self.index.keys and self.index.keys.index(letter) != position:
            return None  # `(b)` where another choice reads `B`
        rest = text[match.end() :]
        sure = match["boxed"] or text[: match.end()].endswith(")") or match[0][:1] in "oc"
        separator = _SEPARATOR.match(rest)
        assert separator  # it may be empty
        said = rest[separator.end() :]
        if not said or _SURE.fullmatch(rest):
            return position
        if (aside := re.match(r"\(([^()]+)\)", said)) and self.index.exactly(
            aside[1].strip()
        ) == position:
            return position if self._closes(said, aside.end(), position) else None
        stopped = bool(re.match(r"\s*[.!?]\s|\s*\n", rest))
        own = self.index.at_start(said)
        if stopped and own and own[0] != position and not self._is_list(said):
            return position if re.match(r"[(\[]", said) else None
        if own is not None:
            named, end = own
            return position if named == position and self._closes(said, end, position) else None
        if _COORDINATED.match(said) or self._is_list(said):
            return None
        if _INSTEAD.match(said):
            return position if self._is_contrast(said, position) else None
        if _REASON.match(said) and (sure or not re.match(r"a\s", text)):
            return position if self._is_reason(said, position) else None
        if (sure or separator[0].strip()) and self._is_misspelt(said, position):
            return position
        # A new sentence behind the letter explains it; a few words alone would be another text.
        sentence = stopped and len(said.split()) > 4 and not _NEGATION.match(said)
        return position if sentence and not self._others(said, position) else None

    def _named(self, text: str) -> int | None:
        """One choice behind nothing but a frame, with nothing but a reason behind it."""
        start = 0
        while True:
            found, frame = self.index.at_start(text[start:]), _FRAME.match(text, start)
            if found:
                named, end = found[0], start + found[1]
                # A choice such as `a` or `one` may be but a word before the choice that is meant.
                if not (frame and end < len(text) and self.index.at_start(text[end:].lstrip())):
                    return named if self._closes(text, end, named) else None
            if not frame:
                alike = self._alike(text[start:])
                return self._equal(text[start:]) if alike is None else alike
            start = frame.end()

    def _closes(self, text: str, end: int, position: int) -> bool:
        """Whether what stands behind a named choice leaves it the answer."""
        rest = self._behind_itself(text[end:], position)
        if rest is None:
            return False
        said = rest.strip(" .!?\"'*`")
        if not re.search(r"\w", said) and not re.search(r"[%+#°/&|]", said):
            return True
        if self.index.keys[position][-1:].isdigit() and re.match(r"\s", rest):
            return is_unit(rest) or self._of_them(rest)
        if re.match(r"\s*[.!?]\s", rest):
            following = re.sub(r"^\s*[.!?]+\s+", "", rest)
            return not _COORDINATED.match(following) or not self._others(following, position)
        if _SURE.fullmatch(rest):
            return True
        after = re.match(r"\s*[,;:–—(-]+\s*", rest)
        said = rest[after.end() :] if after else rest.lstrip()
        if re.match(r"(?:but|aber|mais|pero|sino)\b", said) and self._others(said, position):
            return False
        if re.match(r"(?:i\.\s?e\.|that is,|namely)", said):
            return True
        if _COORDINATED.match(said):
            return bool(after) and not said.startswith("or ") and not self._others(said, position)
        if _INSTEAD.match(said):
            return self._is_contrast(said, position)
        if self._is_list(said):
            return False
        if not after and not _REASON.match(said):
            return False
        return self._is_reason(said, position)

    def _behind_itself(self, rest: str, position: int) -> str | None:
        """Without brackets that say the choice again; None if they hold another's letter."""
        letter = re.match(r"\s*[(\[]([a-z])[)\]]", rest)
        if letter:
            return rest[letter.end() :] if self.index.by_letter(letter[1]) == position else None
        aside = re.match(r"\s*[(]([^()]*)[)]", rest)
        if aside is None:
            return rest
        again, own = read_number(aside[1]), read_number(self.index.keys[position])
        return rest[aside.end() :] if again and own and again[0] == own[0] else rest

    def _is_reason(self, said: str, position: int) -> bool:
        """Whether text behind the answer explains it and does not take it back."""
        first = re.split(r"[.;!?\n]", said, maxsplit=1)[0]
        if _CONDITION.match(said):
            return False
        if re.match(r"for\b", said) and self._others(first, position):
            return False
        if re.match(r"(?:is|was|would|will|can|may|might|are)\b", said) and _NEGATION.search(first):
            return False
        if _REASON.match(said) and re.match(r"(?:because|since|as|due to|given|so|for)\b", said):
            return True
        if re.match(r"(?:in|on|at|by|from|to|of|with|if|that|who)\b", said):
            return not self._others(first, position) and not _NEGATION.search(first)
        return not _NEGATION.match(said) or bool(_NO_DOUBT.match(said))

    def _is_contrast(self, said: str, position: int) -> bool:
        match = _INSTEAD.match(said)
        others = self._others(match["other"], position) if match else set()
        return bool(others)

    def _is_list(self, said: str) -> bool:
        """Whether `said` goes on with another choice as in a list: `(a), (b)`, `mall, bank`."""
        found = self.index.at_start(said)
        if not found:
            return False
        behind = said[found[1] :].lstrip()
        if said[:1] in "([":
            return not re.match(r"(?:is|was|are|does|cannot|can|would|needs?|has)\b", behind)
        return not re.match(r"\w", behind) or bool(_COORDINATED.match(behind))

    def _of_them(self, rest: str) -> bool:
        """`3 of the 4`: a number, and how many there were."""
        return bool(re.fullmatch(r"\s+(?:out )?of (?:the |all )?[\w ]{1,30}[.!]?", rest)) and not (
            _NEGATION.search(rest) or rest.strip().startswith("out")
        )

    def _others(self, text: str, position: int) -> set[int]:
        return {mention.position for mention in self.index.mentions(text)} - {position}

    def _is_misspelt(self, said: str, position: int) -> bool:
        """Whether a text beside a letter is nearer to its choice than to any other, and near."""
        said = unwrapped(said).rstrip(" .!?")
        if self._others(said, position) or _NEGATION.search(said):
            return False
        scores = [
            SequenceMatcher(None, said[:200], key[:200], autojunk=False).ratio()
            for key in self.index.keys
        ]
        own = scores[position]
        return own >= _ALIKE and all(
            own > score for i, score in enumerate(scores) if self.index.first(i) != position
        )

    def _equal(self, text: str) -> int | None:
        """The one choice that is the same number, or the same but for blanks: `10000`, `5km`."""
        said = read_number(text)
        squashed = re.sub(r"\s", "", text.rstrip(" .!?"))
        same: set[int] = set()
        for position, key in enumerate(self.index.keys):
            value = read_number(key)
            bare_numbers = said and value and said[1] and value[1] and said[0] == value[0]
            if bare_numbers or (key[:1].isdigit() and squashed == re.sub(r"\s", "", key)):
                same.add(self.index.first(position))
        return same.pop() if len(same) == 1 else None

    def _alike(self, text: str) -> int | None:
        """One word that is a choice but for a doubled letter, a hyphen or its ending.

        Nothing else is guessed without a letter: `hyperthermia` is no misspelling of `hypothermia`.
        """
        word = text.strip(" .!?,;:'\"")
        numbered = _NUMBERED.fullmatch(text.rstrip(" .!?"))
        if numbered and not any(map(read_number, self.index.keys)):
            return self.index.exactly(numbered["text"].strip())
        if not re.fullmatch(r"[^\W\d_]+(?:-[^\W\d_]+)*", word):
            return None
        for form in (_squashed, _undoubled, _stem):
            same = {self.index.first(i) for i, key in enumerate(self.index.keys) if form(key, word)}
            if len(same) == 1:
                return same.pop()
        return None


@dataclass(frozen=True)
class _Index:
    """What matching needs of one list of choices; positions of equal texts are merged."""

    keys: tuple[str, ...]
    stems: tuple[str, ...]
    """The keys without a leading article."""
    order: tuple[int, ...]
    """The positions of the different texts, longest first."""

    def first(self, position: int) -> int:
        return self.keys.index(self.keys[position])

    def exactly(self, key: str) -> int | None:
        """The choice whose text is `key`, but for a leading article."""
        if key in self.keys:
            return self.keys.index(key)
        bare_key = _without_article(key)
        matches = {
            self.first(i) for i, stem in enumerate(self.stems) if bare_key and stem == bare_key
        }
        return matches.pop() if len(matches) == 1 else None

    def by_letter(self, letter: str) -> int | None:
        position = LETTERS.index(letter)
        if position >= len(self.keys):
            return None
        return self.first(position)

    def answer(self, key: str) -> int | None:
        """The choice that `key` is and no more: its text, its letter, or both of them."""
        position = self.exactly(key)
        if position is not None:
            return position
        match = _LETTER.match(key)
        letter = self.by_letter(match["boxed"] or match["open"]) if match else None
        if match is None or letter is None:
            initial = self._initial(key)
            return self._beyond_z(key) if initial is None else initial
        rest = _SEPARATOR.sub("", key[match.end() :], count=1).strip(" .")
        said = match["boxed"] or match["open"]
        if not rest:
            # `(b)` where a choice reads `B`: nobody can tell which is meant.
            return letter if said not in self.keys or self.keys.index(said) == letter else None
        return letter if self.exactly(rest) == letter else None

    def _beyond_z(self, key: str) -> int | None:
        """The choice that two letters name, with its text behind them or nothing."""
        match = _TWO_LETTERS.fullmatch(key)
        if match is None:
            return None
        first, second = map(LETTERS.index, match["letters"])
        place = len(LETTERS) * (first + 1) + second
        position = self.first(place) if place < len(self.keys) else None
        if match["letters"] in self.keys and self.keys.index(match["letters"]) != position:
            return None  # `(ab)` where another choice reads `ab`
        return position if not match["text"] or self.exactly(match["text"]) == position else None

    def _initial(self, key: str) -> int | None:
        """A lone letter beyond the list's, where one choice alone begins with it: `N` for `no`."""
        if not re.fullmatch(r"[a-z]", key) or LETTERS.index(key) < len(self.keys):
            return None
        begun = {self.first(i) for i, stem in enumerate(self.stems) if stem.startswith(key)}
        return begun.pop() if len(begun) == 1 else None

    def at_start(self, text: str) -> tuple[int, int] | None:
        """The choice that `text` begins with, the longest there is, and where it ends."""
        letter = _LETTER_IN_BRACKETS.match(text)
        named = self.by_letter(letter["letter"]) if letter else None
        if letter and named is not None:
            return named, letter.end()
        currency = _CURRENCY.match(text)
        for position in self.order:
            stem = self.stems[position]
            skipped = currency.end() if currency and stem[:1].isdigit() else 0
            if stem and text.startswith(stem, skipped):
                end = _whole(text, skipped + len(stem), stem)
                if end is not None:
                    return position, end
        return None

    def mentions(self, text: str) -> list[_Mention]:
        """The choices that `text` names in whole words, or by a letter in brackets, in order.

        Where they overlap the longest is meant. A letter beyond the list names none.
        """
        found: list[_Mention] = []
        for position in self.order:
            stem = self.stems[position]
            at = text.find(stem) if stem else -1
            while at >= 0:
                end = _whole(text, at + len(stem), stem) if _begins(text, at, stem) else None
                if end is not None and all(end <= m.start or at >= m.end for m in found):
                    found.append(_Mention(position, at, end))
                at = text.find(stem, max(end or 0, at + 1))
        for letter in _LETTER_IN_BRACKETS.finditer(text):
            named = self.by_letter(letter["letter"])
            if named is not None:
                found.append(_Mention(named, letter.start(), letter.end()))
        return sorted(found, key=lambda mention: mention.start)

    def starts_with_letter(self, text: str) -> bool:
        match = re.match(r"(?:(?:option|choice)\s+)?(?:[(\[][a-z][)\]]|[a-z]\))", text)
        return bool(match)

    def begins_another(self, key: str, label: str) -> bool:
        own = self.keys.index(_key(label)) if _key(label) in self.keys else -1
        return any(
            other.startswith(key) and self.first(i) != own
            for i, other in enumerate(self.keys)
            if other != key
        )


@lru_cache(maxsize=1 << 14)
def _index(choices: tuple[str, ...]) -> _Index:
    keys = tuple(_key(visible(choice)) for choice in choices)
    stems = tuple(map(_without_article, keys))
    distinct = {keys.index(key) for key in keys}
    return _Index(keys, stems, tuple(sorted(distinct, key=lambda i: (-len(stems[i]), i))))


def _begins(text: str, at: int, stem: str) -> bool:
    """Whether a whole word or number begins at `at`."""
    before, sign = text[max(0, at - 2) : at], stem[:1]
    if not before:
        return True
    last = before[-1]
    if last in "%+#@_" or (last.isalnum() and (sign.isalnum() or sign in "-+")):
        return False
    if sign.isdigit() and re.fullmatch(r"[-+]|[-+]\s|.?[-+]", before):
        return False
    if len(before) == 1:
        return True
    return not (
        (last in "-–/^*&=" and (before[0].isalnum() or before[0] in "_)"))
        or (last in ".," and before[0].isdigit())
        or (last in "'’" and before[0].isalnum() and before[0] not in "ld")
    )


def _whole(text: str, end: int, stem: str) -> int | None:
    """Where the word that began with `stem` ends, a plural's `s` passed over; None within one."""
    if not _GOES_ON.match(text, end):
        return end
    plural = _PLURAL.match(text, end) if stem[-3:].isalpha() and len(stem) > 2 else None
    return plural.end() if plural and not _GOES_ON.match(text, plural.end()) else None


def _without_article(key: str) -> str:
    return next((key.removeprefix(a) for a in ("a ", "an ", "the ") if key.startswith(a)), key)


def _key(text: str) -> str:
    """Casefolded, whitespace collapsed, without quotes and punctuation around it."""
    collapsed = " ".join(text.casefold().split())
    collapsed = collapsed.replace(" & ", " and ")
    collapsed = re.sub(r"^([-+]) (?=[\d.])", r"\1", collapsed)
    collapsed = re.sub(r"(?<=\d)[–—](?=\d)", "-", collapsed)
    plain = _EMOJI.sub("", collapsed).strip(" ,;:!?*_`\"“”‘’'").rstrip(" .,;:!?*_`\"“”‘’'")
    return re.sub(r"^[\s.]+(?!\d)", "", plain) or collapsed


_PICTURE = r"[\U0001F000-\U0001FAFF\u2600-\u27BF\ufe0f]"
_EMOJI = re.compile(rf"^(?:{_PICTURE}+\s*)+|(?:\s*{_PICTURE}+)+$")


def _squashed(key: str, word: str) -> bool:
    """Equal but for hyphens and blanks between letters: `bio-chemistry`."""
    letters = re.compile(r"(?<=[^\W\d_])[- ](?=[^\W\d_])")
    return letters.sub("", key) == letters.sub("", word)


def _undoubled(key: str, word: str) -> bool:
    """Equal but for letters that are repeated: `yess`."""
    return key.isalpha() and re.sub(r"(.)\1+", r"\1", key) == re.sub(r"(.)\1+", r"\1", word)


def _stem(key: str, word: str) -> bool:
    """Another ending of one long word: `contradicts` for `contradiction`."""
    if not key.isalpha() or not word.isalpha():
        return False
    shared = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(key, word, strict=False))
    )
    return shared >= 8 and shared >= 0.75 * len(key) and len(word) - shared <= 3
