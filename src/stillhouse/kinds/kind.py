"""What every kind of answer can do; a new kind is one module and one line of the registry."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_STATEMENT = 2_000
"""Characters beyond which a statement is no answer; reading never costs more than these."""


@dataclass(frozen=True)
class Reading:
    """A label, and whether the statement was the answer alone (`exact`) or said more."""

    label: str
    exact: bool


class Kind(ABC):
    """One kind of answer, for the choices of one row where it has any."""

    @abstractmethod
    def read(self, statement: str) -> Reading | None:
        """The answer that a statement gives: the text behind a marker, up to the end of its line.

        None unless the whole of the statement is understood: two answers, a negation, or a word
        that may turn the meaning leave it unread. Never raises.
        """

    @abstractmethod
    def canonical(self, answer: str) -> str | None:
        """The one text of all answers that are equal to `answer`; None when it has no value."""

    def score(self, prediction: str, gold: str) -> float:
        """How well `prediction` answers `gold`, in [0, 1]; without a value it is 0."""
        predicted = self.canonical(prediction)
        return float(predicted is not None and predicted == self.canonical(gold))

    def score_row(self, prediction: str, row: Mapping[str, Any]) -> float:
        """How well `prediction` answers a row (`query`, `label`), on the scale of its measure.

        (`stillhouse.kinds.measures`.) Of most kinds the label says it; the label may be None only
        where the measure needs none.
        """
        return self.score(prediction, row["label"])

    def beside(self, prediction: str, row: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG002
        """Further graded figures of a prediction, by the names of its measure's `beside`.

        One that a row has no ground for, as without a label, is left out.
        """
        return {}

    def scored_with(self) -> str | None:
        """The models that a score rests on, with their versions; None where it rests on none."""
        return None

    @abstractmethod
    def ends_on(self, rationale: str, label: str) -> bool | None:
        """Whether the answer that a rationale itself ends on is `label`; None where it names none.

        Of free text, any of whose words may be meant, None also where it ends otherwise.
        """

    @abstractmethod
    def names_answer(self, text: str) -> bool:
        """Whether `text` holds anything that could be meant as an answer of this kind."""

    def is_settled(self, statement: str) -> bool:  # noqa: ARG002 (for kinds that can tell)
        """Whether no continuation of `statement` would be another answer."""
        return False
