"""Free answers, compared as text."""

import re
from collections.abc import Sequence

from stillhouse.kinds.choice import Choice
from stillhouse.kinds.kind import Kind, Reading
from stillhouse.kinds.markup import plain, unwrapped, visible

# A reason or a second thought in the answer's own line: where the answer ends cannot be told.
_ABBREVIATED = r"(?<!\b[A-Z])(?<!\bSt)(?<!\bMt)(?<!\bMr)(?<!\bDr)(?<!\bMrs)"
_GOES_ON = re.compile(
    rf",?\s(?:because|since|as it|which is|due to)\b|{_ABBREVIATED}[.!?]\s+\S"
    r"|\b(?:or maybe|or perhaps|not sure)\b",
    re.IGNORECASE,
)
# `the city of Paris` may be meant as `Paris`: two texts, and only one is equal to the gold one.
_CLASS = re.compile(
    r"(?:the|a|an)\s(?:city|town|village|country|state|province|region|island|river|lake|month|year"
    r"|day|season|colou?r|word|name|letter|number|planet|language|kingdom|capital|animal|element)"
    r"\s(?:of|called|named)\s.*",
    re.IGNORECASE,
)
# What is not the answer is none.
_DENIED = re.compile(
    r"(?:not|never|neither(?=\s)(?!\s+[A-Z])|either|anything but|other than|unknown|unclear|perhaps"
    r"|maybe|nicht|pas|(?:to be )?found in|in the (?:text|passage|paragraph))\b"
    r"|.*(?:ではありません|ではない|じゃない|아닙니다|아니다)",
    re.IGNORECASE,
)
_COPULA = re.compile(r"(?<=[\"」』'’])(?:です|だ|である|입니다|이다)$|(?<=[\uac00-\ud7af])입니다$")
_SHORT = 8


class Text(Kind):
    """The text itself. With choices a text is read as one of them, and compared as its text."""

    def __init__(self, choices: Sequence[str] = ()) -> None:
        """`choices` may be empty."""
        self.choice = Choice(choices) if choices else None

    def read(self, statement: str) -> Reading | None:
        if self.choice:
            return self.choice.read(statement)
        bare = statement.strip().rstrip(".。 ")
        text = plain(_COPULA.sub("", bare) if _COPULA.search(bare) else statement)
        label = (
            text.removesuffix("..").rstrip(".!").rstrip() if len(text.split()) <= _SHORT else text
        )
        label = unwrapped(label.removesuffix(".").rstrip()).removeprefix("- ").strip()
        if (
            not re.search(r"\w", label)
            or "\n" in label
            or _CLASS.fullmatch(label)
            or _DENIED.match(label)
        ):
            return None
        opening = " ".join(label.split()[:_SHORT])
        return None if _GOES_ON.search(opening) else Reading(label, exact=True)

    def canonical(self, answer: str) -> str | None:
        """Visible text, casefolded, white space collapsed, without one final full stop."""
        text = " ".join(visible(answer).casefold().split()).removesuffix(".").rstrip()
        return text or None

    def ends_on(self, rationale: str, label: str) -> bool | None:
        if self.choice:
            return self.choice.ends_on(rationale, label)
        ending = self.canonical(rationale)
        return True if ending and ending.endswith(self.canonical(label) or "\n") else None

    def names_answer(self, text: str) -> bool:
        return self.choice.names_answer(text) if self.choice else bool(re.search(r"\w", text))

    def is_settled(self, statement: str) -> bool:
        return self.choice.is_settled(statement) if self.choice else False
