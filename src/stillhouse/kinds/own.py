"""Free answers, scored by a function of the project's own."""

from collections.abc import Sequence
from numbers import Real

from stillhouse.core.errors import StillhouseError
from stillhouse.hooks.hook import SCORE
from stillhouse.hooks.load import load, users_code
from stillhouse.kinds.text import Text

KEY = "answer.metric"


class Own(Text):
    """Read and compared as text is; how well a prediction answers, the function says."""

    def __init__(self, metric: str, choices: Sequence[str] = ()) -> None:
        """`metric` names the function. Raises StillhouseError where there is none."""
        super().__init__(choices)
        self.metric, self.choices = metric, tuple(choices)
        self._function = load(KEY, metric, SCORE)

    def score(self, prediction: str, gold: str) -> float:
        """What the function returns. Raises StillhouseError if that is no number in [0, 1]."""
        row = f"`{KEY}: {self.metric}` with prediction {prediction!r} and label {gold!r}"
        with users_code(f"{row} failed"):
            found = self._function(prediction=prediction, label=gold, choices=list(self.choices))
        if not isinstance(found, Real) or not 0 <= float(found) <= 1:
            raise StillhouseError(
                f"{row} returned {found!r}; {self._function.place} has to return a number in "
                "[0, 1]."
            )
        return float(found)
