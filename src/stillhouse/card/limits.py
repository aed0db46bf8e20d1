"""What a student was not tried on, and where it is known to be weak."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from stillhouse.card.markdown import code, table, text
from stillhouse.card.measured import Confused, Measured, Metrics
from stillhouse.students.folder import ServedManifest

LOW_RECALL = 0.5
"""Of a class: wrong more often than right."""
MOST_CLASSES = 20
"""That a confusion matrix can show on a page."""
NONE = "no class"
UNREAD = {"length": "cut short", "refusal": "refusals", "missing": "never came"}


def read_confusion(content: str) -> list[Confused]:
    """The rows of a confusion matrix, `actual,predicted,rows`."""
    lines = csv.DictReader(io.StringIO(content))
    return [Confused(line["actual"], line["predicted"], int(line["rows"])) for line in lines]


def confusion(found: Sequence[Confused]) -> str | None:
    """The matrix as a table; None where there is none, or it has too many classes for a page."""
    actual = list(dict.fromkeys(each.actual for each in found))
    given = (each.predicted for each in found if each.rows)
    columns = list(dict.fromkeys([*actual, *given]))
    if not found or len(actual) > MOST_CLASSES:
        return None
    rows = Counter[tuple[str, str]]()
    for each in found:
        rows[each.actual, each.predicted] += each.rows
    lines = [
        [f"**{text(name)}**", *(f"{rows[name, column]:,}" for column in columns)] for name in actual
    ]
    return "Rows by their own class, columns by the predicted one:\n\n" + table(
        ["", *(text(column or NONE) for column in columns)], lines
    )


def limits(measured: Measured) -> list[str]:
    """What should be known before the student is trusted, a sentence or two each."""
    return list(_limits(measured))


def _limits(measured: Measured) -> Iterator[str]:
    manifest, serving = measured.manifest, measured.serving
    if isinstance(manifest, ServedManifest):
        yield (
            "It was tested on rows of this one dataset: it answers others, too, and nobody knows "
            "how well. What it was trained on, those who serve it know."
        )
        yield from _unread(measured.student)
    else:
        yield (
            "It was trained and tested on rows of this one dataset: it answers others, too, and "
            "nobody knows how well."
        )
        yield (
            f"It sees {manifest.max_query_tokens:,} tokens of a prompt. The end of a longer query "
            "is cut off, which `stillhouse predict` counts."
        )
    if shown := measured.data.get("tables", {}).get("scripts"):
        listed = ", ".join(f"{text(each['script'])} {each['share']:.1%}" for each in shown)
        yield f"The letters of its rows: {listed}. Other scripts and languages were not tried."
    else:
        yield "Languages other than those of its rows were not tried."
    recalls = recall_by_class(measured.confusion)
    for name, (right, rows) in recalls.items():
        if right < LOW_RECALL * rows:
            yield f"Of the class {code(name)} it finds {right:,} of {rows:,} test rows."
    if recalls and serving.labels:
        untried = [label for label in serving.labels if label not in recalls]
        if untried:
            yield f"No test row has the class {', '.join(map(code, untried))}."
    yield (
        "Figures are of one seed. The intervals say what other test rows could change, not what "
        "another training would."
    )


def _unread(metrics: Metrics) -> Iterator[str]:
    """Replies of a server that are no label, which count as wrong."""
    if share := metrics.get("unread"):
        why = [
            f"{metrics[f'unread_{name}']:.1%} {said}"
            for name, said in UNREAD.items()
            if metrics.get(f"unread_{name}")
        ]
        told = f" ({', '.join(why)})" if why else ""
        yield f"Of its replies {share:.1%} are no label{told}: they are counted as wrong."


def recall_by_class(found: Sequence[Confused]) -> dict[str, tuple[int, int]]:
    """By class the test rows that were given it, and all that have it."""
    rows, right = Counter[str](), Counter[str]()
    for each in found:
        rows[each.actual] += each.rows
        right[each.actual] += each.rows if each.actual == each.predicted else 0
    return {name: (right[name], count) for name, count in rows.items() if count}
