"""Summaries of a row's query, which is the document; scored by how many entities they hold."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.core.rouge import rouge_l
from stillhouse.kinds.entities import entities, found_by
from stillhouse.kinds.kind import Kind, Reading
from stillhouse.kinds.markup import visible

# What chat models put before and behind the text that was asked for alone.
_OPENING = re.compile(
    r"(?:(?:sure|certainly|of course|okay|ok)\b[^\n:]{0,60}?[,.!:]\s*)?"
    r"(?:(?:here\b|below\b|this is\b|the following\b)[^\n:]{0,120}:\s*\n\s*"
    r"|[*_#\s]*(?:\w+[ -]){0,3}summary[ \t]*(?:\([^)\n]{1,30}\))?[*_\s]*:[*_]*(?:\s+|$))",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\n\s*[(\[*_]*(?:word count|number of words|\d+ words|note|let me know)\b[^\n]*\s*$",
    re.IGNORECASE,
)


class Summary(Kind):
    """A text that stands for a longer one; `choices` there are none."""

    def __init__(self, choices: Sequence[str] = ()) -> None:
        """As every kind."""

    def read(self, statement: str) -> Reading | None:
        """The whole statement, without a heading and a remark on its length."""
        text = statement.strip()
        bare = _CLOSING.sub("", text[match.end() :] if (match := _OPENING.match(text)) else text)
        bare = bare.strip()
        return Reading(bare, exact=bare == text) if re.search(r"\w", bare) else None

    def canonical(self, answer: str) -> str | None:
        """Visible text, casefolded, white space collapsed."""
        return " ".join(visible(answer).casefold().split()) or None

    def score_row(self, prediction: str, row: Mapping[str, Any]) -> float:
        """The entity density: entities that are the document's, too, for each token.

        Equation 8 of Knowledge distillation using frontier open-source LLMs. Each entity counts
        once; a summary without a token has none.
        """
        said = entities(prediction)
        return len(said.found & entities(row["query"]).found) / max(1, said.tokens)

    def beside(self, prediction: str, row: Mapping[str, Any]) -> dict[str, float]:
        """`entity_density_all`, of all entities, whether the document has them or not (Adams et
        al. 2023, From sparse to dense); `tokens`; and `rouge_l` where the row has a reference.
        """
        said = entities(prediction)
        figures = {
            "entity_density_all": len(said.found) / max(1, said.tokens),
            "tokens": float(said.tokens),
        }
        if row["label"] is not None:
            figures["rouge_l"] = rouge_l(prediction, row["label"])
        return figures

    def scored_with(self) -> str | None:
        return found_by()

    def ends_on(self, rationale: str, label: str) -> bool | None:  # noqa: ARG002 (as all kinds)
        return None

    def names_answer(self, text: str) -> bool:
        return self.read(text) is not None
