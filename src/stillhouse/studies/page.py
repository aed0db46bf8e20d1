"""A study as a page for the browser: its tables, its scores as pictures, each cell's run."""

from collections.abc import Iterator
from typing import Any

from stillhouse.page.summary import measure_facts
from stillhouse.studies.table import Results, Table, on_scale, parts


def document(found: Results) -> dict[str, Any]:
    """The content of the page, as `page.html` takes it; it has no rows."""
    facts = {
        "title": found.title,
        "measure": measure_facts(found.measure),
        "study": {
            "pictures": [
                {"title": column, "lines": list(_lines(found, column))} for column in found.columns
            ],
            "parts": [
                {"headings": list(part.headings), "lines": [list(line) for line in part.lines]}
                if isinstance(part, Table)
                else part
                for part in parts(found)
            ],
            "runs": [
                {
                    "cell": list(titles),
                    "experiment": cell.found.condition.name,
                    "state": cell.found.state,
                    "knobs": dict(cell.found.condition.overrides),
                }
                for titles, cell in found.cells.items()
            ],
        },
    }
    return {"facts": facts, "rows": {}}


def _lines(found: Results, column: str) -> Iterator[dict[str, Any]]:
    """A line for each row that has a score in the column, and for each that is published."""
    measured = found.measure
    for row in found.rows:
        cell = found.cells.get((row, column))
        if cell and cell.side:
            score = cell.side.score
            yield {
                "name": row,
                "student": row == found.reference,
                "score": score.mean,
                "low": score.low,
                "high": score.high,
                "shown": measured.shown(score.mean),
                "ends": measured.ends(score.low, score.high),
            }
        published = found.published_scores.get((row, column))
        if published is not None:
            on = on_scale(published, measured)
            yield {
                "name": f"{row}, published",
                "student": False,
                "score": on,
                "low": None,
                "high": None,
                "shown": measured.shown(on),
                "ends": "",
            }
