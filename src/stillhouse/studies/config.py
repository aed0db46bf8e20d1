"""`studies/*.yaml`: the conditions of a table, what they share, and the published figures."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stillhouse.config.base import Conf
from stillhouse.config.knobs import Knobs
from stillhouse.core.errors import did_you_mean

Key = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$")]
"""Rows and columns are named as in file names, since experiments are named after them."""

NAMES = {field.alias or name for name, field in Knobs.model_fields.items()}


def _known(knobs: dict[str, Any]) -> dict[str, Any]:
    for knob in knobs:
        if knob not in NAMES:
            raise ValueError(f"there is no knob {knob!r}.{did_you_mean(knob, NAMES)}")
    return knobs


Overrides = Annotated[dict[str, Any], AfterValidator(_known)]
"""Knobs of params.yaml with other values."""


STUDENT = "student"
Model = Annotated[
    str, Field(pattern=r"^(student|untrained|gold|teacher|(teacher|student):[\w.-]+)$")
]


class Line(Conf):
    """A row or a column of the table."""

    title: str
    knobs: Overrides = Field(default_factory=dict)


class RowLine(Line):
    """A row; with `of` it shows another model of the experiments of that row, and runs none."""

    of: Key | None = None
    model: Model = STUDENT
    """`student`, or whose scores of the same runs: `untrained`, `gold` (knob `gold_student`), a
    model of the knob `zero_shot`, such as `teacher:vanilla`, or of conversations `teacher`."""

    @model_validator(mode="after")
    def _of_goes_with_model(self) -> Self:
        if (self.of is None) != (self.model == STUDENT):
            raise ValueError("`of` and a `model` other than `student` go together")
        if self.of is not None and self.knobs:
            raise ValueError("a row with `of` has the knobs of that row: leave out its own")
        return self


Cells = dict[Key, dict[Key, Overrides | None]]
"""By row and column: more knobs for one condition, or null for a cell that stays empty."""


class Published(Conf):
    """The figures of a paper by row and column: accuracies in percent, other scores as they are."""

    source: str
    """Which table of which paper."""
    figure: Literal["score", "cost", "people"] = "score"
    """What is published: what the students are scored by, the money for 1,000 answers, or what
    people rated, which stands by itself."""
    values: dict[Key, dict[Key, float]]


class Small(Conf):
    """What differs in the form that runs on a laptop; published figures are not for it."""

    description: str
    knobs: Overrides = Field(default_factory=dict)
    reference: Key | None = None
    """By default the study's own."""
    rows: tuple[Key, ...] | None = None
    """Those that are kept; all by default."""
    columns: tuple[Key, ...] | None = None
    cells: Cells = Field(default_factory=dict)


class Condition(Conf):
    """One cell of the table: the knobs that make it, and the name of its experiment."""

    name: str
    row: str
    column: str
    overrides: Mapping[str, Any]


class Study(Conf):
    """A study, as its file says it."""

    description: str
    reference: Key
    """The row that the others are compared with, column by column."""
    knobs: Overrides = Field(default_factory=dict)
    """Knobs that all conditions share."""
    rows: Annotated[dict[Key, RowLine], Field(min_length=1)]
    columns: Annotated[dict[Key, Line], Field(min_length=1)]
    cells: Cells = Field(default_factory=dict)
    published: Published | None = None
    small: Small | None = None

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        small = self.small or Small(description="")
        run = {key: line for key, line in self.rows.items() if line.of is None}
        named: list[tuple[str, str, Collection[str]]]
        named = [("reference", self.reference, self.rows)]
        named += [(f"rows.{key}.of", line.of, run) for key, line in self.rows.items() if line.of]
        named += [("small.rows", row, self.rows) for row in small.rows or ()]
        named += [("small.columns", column, self.columns) for column in small.columns or ()]
        figures = self.published.values if self.published else {}
        for where, cells in (
            ("cells", self.cells),
            ("small.cells", small.cells),
            ("published.values", figures),
        ):
            for row, columns in cells.items():
                named.append((where, row, self.rows))
                named += [(f"{where}.{row}", column, self.columns) for column in columns]
        for where, name, known in named:
            if name not in known:
                raise ValueError(f"`{where}` names {name!r}.{did_you_mean(name, known)}")
        reference = self.compared_with(small=True)
        if reference not in self.kept_rows(small=True):
            raise ValueError(f"`small.rows` leaves out the reference {reference!r}")
        kept = self.kept_rows(small=True)
        for key, line in kept.items():
            if line.of and line.of not in kept:
                raise ValueError(f"`small.rows` has {key!r}, but not {line.of!r}, which it is of")
        return self

    def compared_with(self, *, small: bool) -> str:
        """The row of reference."""
        return (small and self.small and self.small.reference) or self.reference

    def kept_rows(self, *, small: bool) -> dict[str, RowLine]:
        """The rows of the table, in order."""
        kept = self.small.rows if small and self.small else None
        return {key: line for key, line in self.rows.items() if kept is None or key in kept}

    def kept_columns(self, *, small: bool) -> dict[str, Line]:
        """The columns of the table, in order."""
        kept = self.small.columns if small and self.small else None
        return {key: line for key, line in self.columns.items() if kept is None or key in kept}

    def conditions(self, name: str, *, small: bool) -> list[Condition]:
        """The conditions in the order of the table; `name` is the study's.

        Later overrides win: the study's own, the row's, the column's, the cell's, then `small`'s.
        """
        prefix = f"{name}-small" if small else name
        found = []
        for row, line in self.kept_rows(small=small).items():
            if line.of is not None:
                continue
            for column, other in self.kept_columns(small=small).items():
                cells = self._cell(row, column, small=small)
                if None in cells:
                    continue
                overrides = self.knobs | line.knobs | other.knobs
                for more in cells:
                    overrides |= more or {}
                found.append(
                    Condition(
                        name=f"{prefix}-{row}-{column}",
                        row=row,
                        column=column,
                        overrides=overrides,
                    )
                )
        return found

    def _cell(self, row: str, column: str, *, small: bool) -> list[dict[str, Any] | None]:
        own = self.cells.get(row, {}).get(column, {})
        if not small or not self.small:
            return [own]
        # A cell that only the small form can fill replaces one that stays empty.
        smaller = self.small.cells.get(row, {})
        if column in smaller:
            own = own or {}
        return [own, self.small.knobs, smaller.get(column, {})]
