"""The page's content as JSON: what its summary says, and its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhouse.kinds.measures import AGREEING
from stillhouse.page.rows import MOST, Packed
from stillhouse.page.run import Run
from stillhouse.page.summary import changed, measure_facts, summary

STATUSES = {
    "ok": "The answer came in the form that was asked for.",
    "repaired": "It has an answer, but not in the form that was asked for: text behind it, a "
    "misspelling, no rationale, no marker.",
    "no_marker": "No marker, and no line that is exactly an answer, so nothing was read.",
    "ambiguous": "What was said is not one answer: several, none of the choices, or negated.",
    "truncated": "The token limit came first, or may have cut the answer short.",
    "empty": "There is nothing in it, or nothing behind its only marker.",
    "malformed": "Not the structure that was asked for, or one that goes round in circles.",
    "refused": "The server says that the model or a filter refused.",
}
"""Why a completion has its status, in a sentence."""


@dataclass(frozen=True)
class Other:
    """Another revision, to stand beside a run."""

    name: str
    run: Run
    compared: Sequence[str]
    """What may be said of the two, line by line."""
    entries: Mapping[str, Any]
    """The configuration of each, by file: what knobs name."""
    own_entries: Mapping[str, Any]
    missing: Sequence[str] = ()
    """Tables of the other that are not at hand."""


def document(run: Run, other: Other | None = None, most: int = MOST) -> dict[str, Any]:
    """`facts`, what a page says at once, and `rows`, at most `most` of them."""
    rows = run.rows()
    packed = Packed(run, rows, most)
    found = run.found["run"]
    facts: dict[str, Any] = {
        "title": f"{run.knobs['dataset']}: {found['teacher']} to {found['student']}",
        "measure": measure_facts(run.measure),
        "said": ["as the teacher", "unlike the teacher"]
        if run.measure is AGREEING
        else ["right", "wrong"],
        "metric": run.form.answer.metric,
        "task": run.form.task,
        "seeds": [f"seed={seed}" for seed in run.seeds],
        "statuses": STATUSES,
        "summary": summary(run, rows),
        "other": None,
    }
    if other is not None:
        packed.beside(other.run, other.run.rows())
        facts["other"] = {
            "name": other.name,
            "compared": list(other.compared),
            "changed": changed(other.run.knobs, run.knobs)
            + changed(other.entries, other.own_entries),
            "scores": [_shown(each) for each in (other.run, run)],
            "missing": list(other.missing),
        }
    return {"facts": facts, "rows": packed.content()}


def _shown(run: Run) -> str:
    score = run.found["student"].get(run.measure.name)
    return "–" if score is None else run.measure.shown(score)
