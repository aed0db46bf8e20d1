"""The student by label, in the terminal: an accuracy hides a class that is never found."""

from collections.abc import Iterator, Sequence
from typing import Any

from stillhouse.core.text import printable
from stillhouse.report.labels import FEW, Metrics
from stillhouse.report.layout import MOST_PROSE, Column, table, whole_width, wrapped
from stillhouse.statistics.agreement import AGREEMENT

WHOLE = 25
"""Labels that are listed all; of more, those with the lowest recall."""
LISTED = 15
PAIRS = 5
NONE = "no label"


def label_lines(found: Metrics, width: int) -> Iterator[str]:
    """A line for each label, what is never found, and what is taken for what."""
    labels = found["labels"]
    if not labels:
        return
    names = list(labels)
    if len(names) > WHOLE:
        names = sorted(names, key=lambda name: labels[name].get("recall", 2.0))[:LISTED]
    yield ""
    share = "Agreement" if found["measure"] == AGREEMENT else "Recall"
    yield from _table(labels, names, share, width)
    if len(names) < len(labels):
        yield from wrapped(_others(labels, names, share.lower()), width)
    prose = min(width, MOST_PROSE)
    for told in (*_never(labels), *_macro(found["student"])):
        yield from wrapped(told, prose, indent=2)
    yield from _confusion(found, width, prose)


def _others(labels: Metrics, names: Sequence[str], share: str) -> str:
    rest = {name: values for name, values in labels.items() if name not in names}
    shares = [values["recall"] for values in rest.values() if "recall" in values]
    ends = f", {share} {min(shares):.1%} to {max(shares):.1%}" if shares else ""
    return f"and {len(rest)} more labels{ends}"


def _table(labels: Metrics, names: Sequence[str], share: str, width: int) -> list[str]:
    values = [labels[name] for name in names]
    columns = [
        Column("Rows", [f"{each['rows']:,}" for each in values]),
        Column(share, [_share(each, "recall") for each in values]),
        _ends("recall", values),
        Column("Precision", [_share(each, "precision") for each in values]),
        _ends("precision", values),
        Column("F1", [_share(each, "f1") for each in values], needed=False),
    ]
    told = [column for column in columns if set(column.cells) != {"-"}]
    return table(Column("Student, by label", [*map(_shown, names)]), told, width)


def _ends(name: str, values: Sequence[Metrics]) -> Column:
    cells = [
        f"{each[f'{name}_low']:.1%} to {each[f'{name}_high']:.1%}" if f"{name}_low" in each else "-"
        for each in values
    ]
    return Column("95% interval", cells, needed=False)


def _share(values: Metrics, name: str) -> str:
    return f"{values[name]:.1%}" if values.get(name) is not None else "-"


def _never(labels: Metrics) -> Iterator[str]:
    """Classes that an accuracy would hide."""
    unused = [name for name, values in labels.items() if values.get("predicted") == 0]
    wrong = [
        name for name, values in labels.items() if values.get("recall") == 0 and name not in unused
    ]
    if unused:
        yield f"Never predicted: {_named(unused)}"
    if wrong:
        yield f"Never right: {_named(wrong)}"


def _named(names: Sequence[str]) -> str:
    """Labels in a sentence, each with quotes where it holds a comma."""
    return ", ".join(f'"{name}"' if "," in name else name for name in map(_shown, names))


def _shown(label: str) -> str:
    """A label on one line, with nothing in it that a terminal obeys."""
    return printable(" ".join(label.split()))


def _macro(student: Metrics) -> Iterator[str]:
    if "macro_f1" not in student:
        return
    told = f"Macro F1, the mean over labels: {student['macro_f1']:.1%}"
    if "macro_f1_low" in student:
        told += f" ({student['macro_f1_low']:.1%} to {student['macro_f1_high']:.1%})"
    if student.get("none"):
        told += f"; {student['none']:,.0f} predictions name no label"
    yield told


def _confusion(found: Metrics, width: int, prose: int) -> Iterator[str]:
    """All pairs where they fit beside each other, else those that are confused most."""
    pairs, labels = found.get("confusion", []), list(found["labels"])
    names, columns = _matrix(labels, pairs)
    if len(labels) <= FEW and whole_width(names, columns) <= width:
        yield ""
        yield from table(names, columns, width)
        return
    told = [
        f"{_named([gold])} for {NONE if said is None else _named([said])} ({count:,})"
        for gold, said, count in [pair for pair in pairs if pair[0] != pair[1]][:PAIRS]
    ]
    if told:
        yield from wrapped(f"Most often taken for another: {', '.join(told)}", prose, indent=2)


def _matrix(labels: Sequence[str], pairs: Sequence[Any]) -> tuple[Column, list[Column]]:
    counts = {(gold, said): count for gold, said, count in pairs}
    across: list[str | None] = list(labels)
    if any(said is None for _, said in counts):
        across.append(None)
    columns = [
        Column(
            NONE if said is None else _shown(said),
            [f"{counts[gold, said]:,}" if (gold, said) in counts else "." for gold in labels],
        )
        for said in across
    ]
    return Column("Gold, and taken for", [*map(_shown, labels)]), columns
