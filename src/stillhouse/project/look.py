"""A first look at a table of one's own: its columns, and which could be the query and the label."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from stillhouse.core.text import printable
from stillhouse.ingest.files import RawRow

SHOWN = 24
MOST_LABELS = 30
LEAST_ROWS_OF_A_LABEL = 3
"""On average: more labels than a third of the rows are no classes."""
LONGEST_LABEL = 60


@dataclass(frozen=True)
class Column:
    """One column: how many cells say something, how many differ, their characters, the first."""

    name: str
    filled: int
    rows: int
    values: Counter[str]
    longest: int
    mean: float

    @property
    def is_label(self) -> bool:
        """Whether its values could be classes: few, short, and each in several rows."""
        return (
            2 <= len(self.values) <= MOST_LABELS
            and len(self.values) * LEAST_ROWS_OF_A_LABEL <= self.filled
            and self.longest <= LONGEST_LABEL
        )


def columns_of(rows: Sequence[RawRow]) -> list[Column]:
    """Every column of the rows, in their order."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    return [_column(name, rows) for name in names]


def _column(name: str, rows: Sequence[RawRow]) -> Column:
    texts = [text for row in rows if (text := as_text(row.values.get(name)))]
    lengths = [len(text) for text in texts]
    mean = sum(lengths) / len(lengths) if lengths else 0.0
    return Column(name, len(texts), len(rows), Counter(texts), max(lengths, default=0), mean)


def as_text(value: Any) -> str:
    """A cell as a template shows it, without outer white space."""
    return "" if value is None else str(value).strip()


def likely_query(columns: Sequence[Column]) -> Column | None:
    """The column of the longest texts that differ; None where no cell says anything."""
    texts = [column for column in columns if len(column.values) > 1]
    return max(texts, key=lambda column: column.mean, default=None)


def likely_label(columns: Sequence[Column], query: Column | None) -> Column | None:
    """The last column that could hold classes, as tables have it; None where there is none."""
    able = [column for column in columns if column is not query and column.is_label]
    return able[-1] if able else None


def columns_table(columns: Sequence[Column], width: int) -> Table:
    """What a person looks at to choose: a line for each column."""
    table = Table(box=box.SIMPLE_HEAD, width=width)
    table.add_column("Column", overflow="fold")
    for heading in ("filled", "different", "characters"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("such as", ratio=1, no_wrap=True, overflow="ellipsis")
    for column in columns:
        first = next(iter(column.values), "")
        shown = ", ".join(column.values) if column.is_label else first
        table.add_row(
            Text(printable(column.name)),
            f"{column.filled:,} of {column.rows:,}",
            f"{len(column.values):,}",
            f"{column.mean:,.0f}, at most {column.longest:,}",
            Text(" ".join(printable(shown[: 10 * SHOWN]).split())),
        )
    return table
