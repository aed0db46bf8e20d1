"""What the rows are, counted before anything uses them: repeats, labels, lengths, scripts."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import Metric
from stillhouse.core.tables import Row
from stillhouse.ingest.overlap import Keys
from stillhouse.kinds.registry import kind_of

MOST_LABELS = 20
"""Labels that are counted one by one; the others are counted together."""
ROWS_OF_A_LABEL = 5
"""Rows that a label has on average, where more labels than that are still worth counting."""
MOST_SCRIPTS = 6
DIGITS = 4
OTHER = "other"
WORDED: tuple[Metric, ...] = ("exact", "choice")
"""The metrics whose labels are words, so that case is a matter of spelling."""

Splits = Mapping[str, Sequence[Row]]


def duplicates(rows: Iterable[Row], keys: Keys) -> int:
    """The rows whose query an earlier one has."""
    asked = [keys[row["query"]] for row in rows]
    return len(asked) - len(set(asked))


def shared(splits: Splits, keys: Keys) -> int:
    """The queries that more than one split has."""
    found = Counter(key for rows in splits.values() for key in {keys[row["query"]] for row in rows})
    return sum(count > 1 for count in found.values())


def unequal(splits: Splits, keys: Keys, metric: Metric) -> list[list[str]]:
    """The ids of the rows of each query that has labels which are not equal under the metric."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in _labelled(splits):
        found[keys[row["query"]]].append(row)
    return sorted(
        sorted(row["id"] for row in rows)
        for rows in found.values()
        if len({row["label"] for row in rows}) > 1
        and len({_value(row, metric) for row in rows}) > 1
    )


def _value(row: Row, metric: Metric) -> str | None:
    return kind_of(metric, row["choices"]).canonical(row["label"])


def _labelled(splits: Splits) -> list[Row]:
    return [row for rows in splits.values() for row in rows if row["label"] is not None]


def fixed_choices(splits: Splits) -> list[str] | None:
    """The choices that all rows have, none where they have none; None where they differ."""
    found = {tuple(row["choices"]) for rows in splits.values() for row in rows}
    return list(min(found, default=())) if len(found) <= 1 else None


def label_counts(splits: Splits, metric: Metric) -> list[dict[str, Any]]:
    """By label the rows of each split, the most frequent first; none where labels are no classes.

    Choices that differ from row to row are no classes, neither are many numbers, nor texts that
    hardly occur twice. Of fixed choices those that no row has are counted, too.
    """
    labelled = {
        name: found
        for name, rows in splits.items()
        if (found := Counter(row["label"] for row in rows if row["label"] is not None))
    }
    total = sum(labelled.values(), Counter[str]())
    choices = fixed_choices(splits)
    enough = total.total() // ROWS_OF_A_LABEL if metric in WORDED else 0
    few = len(total) <= max(MOST_LABELS, enough)
    if choices is None or not (choices or few):
        return []
    names = sorted({*total, *choices}, key=lambda label: (-total[label], label))
    lines = [
        {"label": label, **{name: found[label] for name, found in labelled.items()}}
        for label in names[:MOST_LABELS]
    ]
    if rest := names[MOST_LABELS:]:
        lines.append(
            {OTHER: len(rest)}
            | {name: sum(found[label] for label in rest) for name, found in labelled.items()}
        )
    return lines


def near_labels(splits: Splits) -> list[list[str]]:
    """Labels that differ only in case, width or inner white space."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in _labelled(splits):
        folded = unicodedata.normalize("NFKC", row["label"]).casefold()
        found[" ".join(folded.split())].add(row["label"])
    return sorted(sorted(labels) for labels in found.values() if len(labels) > 1)


def lengths(texts: Iterable[str]) -> dict[str, int]:
    """The characters of the texts, as `spread` has them."""
    return spread(map(len, texts))


def spread(numbers: Iterable[int]) -> dict[str, int]:
    """Of some numbers the least, the median, the 95th of a hundred, the most (nearest ranks)."""
    found = sorted(numbers)
    if not found:
        return {}

    def at(percent: int) -> int:
        return found[max(0, -(-len(found) * percent // 100) - 1)]

    return {"least": found[0], "median": at(50), "p95": at(95), "most": found[-1]}


def scripts(texts: Iterable[str]) -> list[dict[str, Any]]:
    """The shares of the letters by script, as Unicode names letters; says nothing of languages."""
    signs: Counter[str] = Counter()
    for text in texts:
        signs.update(text)
    found: Counter[str] = Counter()
    for sign, count in signs.items():
        if unicodedata.category(sign)[0] == "L":
            found[_script(sign)] += count
    total = found.total()
    listed = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    if rest := sum(count for _, count in listed[MOST_SCRIPTS:]):
        listed = [*listed[:MOST_SCRIPTS], (OTHER, rest)]
    shares = [(name, round(count / total, DIGITS)) for name, count in listed]
    return [{"script": name, "share": share} for name, share in shares if share]


_NOT_A_SCRIPT = frozenset(
    ("LETTER", "SMALL", "CAPITAL", "SYLLABLE", "SYLLABLES", "SYLLABICS", "UNIFIED", "VOWEL", "SIGN")
)


def _script(letter: str) -> str:
    """A letter's script: the first words of its name, as in CYRILLIC SMALL LETTER A."""
    plain = unicodedata.normalize("NFKC", letter)[0]  # full width, mathematical, ligatures
    words = unicodedata.name(plain, OTHER).split()
    if words[0] == "CJK":
        return "Han"
    end = next((i for i, word in enumerate(words) if word in _NOT_A_SCRIPT), 1)
    return " ".join(words[: max(1, end)]).capitalize()
