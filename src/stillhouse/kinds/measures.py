"""What the scores of each metric are: their name, their scale, and how they are written.

Every stage, table, plot and sentence that shows a score looks here, so that no rating is called an
accuracy and no share stands without its percent. Scores are *right or wrong* by nature (a share of
rows is then an accuracy) or *graded*, such as the entity density of a summary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stillhouse.config.dataset import RATING, Metric
from stillhouse.statistics.agreement import AGREEMENT
from stillhouse.statistics.intervals import RIGHT_OR_WRONG, Scale

POINTS = " points"
OF_TEACHER = "teacher_label_"
"""What the names of measures of the teacher's labels begin with."""


@dataclass(frozen=True)
class Figure:
    """A number that each prediction has, and how its mean over rows is written."""

    name: str
    """Its key in the metrics; `_low` and `_high` are the ends of its interval."""
    title: str
    digits: int | None = None
    """Places behind the point; None for a share, which is written in percent."""

    def shown(self, value: float) -> str:
        """A mean: `64.0%`, or `0.104`."""
        return f"{value:.1%}" if self.digits is None else f"{value:.{self.digits}f}"

    def ends(self, low: float, high: float) -> str:
        """An interval: `59.7% to 68.1%`."""
        return f"{self.shown(low)} to {self.shown(high)}"

    def change(self, value: float) -> str:
        """A difference of two means with its sign, in points where they are shares: `+2.0`."""
        return f"{100 * value:+.1f}" if self.digits is None else f"{value:+.{self.digits}f}"

    def size(self, value: float) -> str:
        """How large a difference or an error is: `2.0`."""
        return f"{100 * value:.1f}" if self.digits is None else f"{value:.{self.digits}f}"

    @property
    def points(self) -> str:
        """What stands behind a difference."""
        return POINTS if self.digits is None else ""


@dataclass(frozen=True)
class Measure(Figure):
    """What a dataset's predictions are judged by first."""

    scale: Scale = RIGHT_OR_WRONG
    needs_label: bool = True
    """Whether only rows that have a label can be scored."""
    beside: tuple[Figure, ...] = ()
    """Further graded figures of a prediction (`Kind.beside`)."""

    @property
    def graded(self) -> bool:
        """Whether a score says more than right or wrong."""
        return self.scale.graded

    @property
    def heading(self) -> str:
        """The title as short as a column's."""
        return self.title.split()[0] if self.name == AGREEMENT else self.title

    @property
    def of_teacher(self) -> str:
        """Its key in the measures of the teacher's labels."""
        return f"{OF_TEACHER}{self.name if self.graded else ACCURACY.name}"

    @property
    def lead(self) -> str:
        """What stands before a mean in a sentence; a share says itself what it is."""
        return f"{self.title.lower()} " if self.graded else ""


ACCURACY = Measure("accuracy", "Accuracy")
AGREEING = Measure(AGREEMENT, "Agreement with the teacher")
"""In place of accuracy where no test row has a label."""
ENTITY_DENSITY = Measure(
    "entity_density",
    "Entity density",
    digits=3,
    scale=Scale(0.0, 1.0, step=0.01),  # of a summary of 80 to 100 words, an entity more or less
    needs_label=False,
    beside=(
        Figure("entity_density_all", "All entities", digits=3),
        Figure("rouge_l", "ROUGE-L"),
        Figure("tokens", "Tokens", digits=1),
    ),
)

RATED = Measure(
    "rating",
    "Rating",
    digits=2,
    scale=Scale(1.0, 5.0, step=0.25),  # of a conversation of four turns, one turn a grade better
    needs_label=False,
)
"""What a judge says of a conversation's replies, on average; the stage `rate` asks it."""

GRADED: Mapping[Metric, Measure] = {"summary": ENTITY_DENSITY, RATING: RATED}
"""The measures of the metrics whose scores are graded; all others' is accuracy."""
NAMED = {measure.name: measure for measure in (ACCURACY, AGREEING, *GRADED.values())}
"""By the name that a report holds."""


def measure_of(metric: Metric) -> Measure:
    """The measure of a dataset's metric."""
    return GRADED.get(metric, ACCURACY)
