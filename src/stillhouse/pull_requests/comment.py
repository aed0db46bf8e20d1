"""`stillhouse pr-comment`: what a pull request changes, as Markdown that begins with a verdict."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal
from urllib.parse import urlsplit

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import EXAMPLES
from stillhouse.experiments.compare import gap, p_value, seen
from stillhouse.experiments.revisions import Revision, paired, places
from stillhouse.kinds.measures import ACCURACY, AGREEING, NAMED, Measure
from stillhouse.pull_requests.changes import changes
from stillhouse.pull_requests.markdown import code, listed, table
from stillhouse.pull_requests.sides import Side, Sides, read_sides, short
from stillhouse.report.against import NAMES, TEACHER, zero_shot_of
from stillhouse.report.outcomes import digest_of
from stillhouse.statistics.paired import Comparison, Seeds, Verdict, verdict
from stillhouse.statistics.paired import Side as Scored

MARKER = "<!-- stillhouse pr-comment -->"
"""By which the one comment of a pull request is found again."""
MOST_ROWS = 10
"""Of those that got better, and of those that got worse, so many are named."""
MOST_CHANGES = 30
TOKENS = ("prompt_tokens", "completion_tokens")
SAME = "the same"
ROUNDING = 1e-9
"""Mean scores of a row that differ by less are equal."""

Found = Literal["better", "worse", "noise", "same", "unknown"]


@dataclass(frozen=True)
class Paired:
    """A model of both sides, compared row by row."""

    name: str
    one: Seeds
    other: Seeds
    found: Comparison
    said: Verdict

    def gaps(self) -> dict[str, float]:
        """How much more each row scores than before, in the mean over seeds."""
        one, other = _means(self.one), _means(self.other)
        return {id_: other[id_] - one[id_] for id_ in sorted(one)}

    def word(self, alpha: float) -> Found:
        """What the difference is, at this level."""
        if all(abs(difference) < ROUNDING for difference in self.gaps().values()):
            return "same"
        if self.said.p_value >= alpha:
            return "noise"
        return "better" if self.said.difference.mean > 0 else "worse"


@dataclass(frozen=True)
class Comment:
    """The Markdown, and what it says of the student."""

    markdown: str
    found: Found


def comment(
    base: str, *, alpha: float = 0.05, artifact_url: str | None = None, stale: bool = False
) -> Comment:
    """What is here against the commit at which it left `base`.

    `stale`: dvc.lock does not belong to what is here, so that the figures are another commit's.
    """
    if artifact_url is not None and urlsplit(artifact_url).scheme not in ("http", "https"):
        raise StillhouseError(f"--artifact-url is no http address: {artifact_url!r}.")
    sides = read_sides(base)
    if sides.here.summary is None:
        raise StillhouseError(
            f"{paths.SUMMARY} does not exist here. Run `dvc repro`, and commit dvc.lock and the "
            "metrics."
        )
    measure = _measure(sides.here)
    student = _students(sides)
    found: Found = "unknown" if isinstance(student, str) else student.word(alpha)
    blocks: list[Iterator[str]] = []
    if stale:
        blocks.append(_stale())
    if isinstance(student, str):
        blocks += [iter([student]), _unpaired(sides, measure)]
    else:
        models = [student, *_others(sides)]
        blocks += [
            _verdict(student, found, sides, measure),
            _paired_table(models, sides, measure, alpha),
            _rows(student, sides),
        ]
    blocks += [_changes(sides), _cost_table(sides), _footer(sides, artifact_url), iter([MARKER])]
    texts = ("\n".join(block) for block in blocks)
    return Comment("\n\n".join(filter(None, texts)) + "\n", found)


def _measure(side: Side) -> Measure:
    if side.outcomes is not None:
        return side.outcomes.measure
    student = _figures(side, "student")
    return next((each for name, each in NAMED.items() if name in student), ACCURACY)


def _figures(side: Side, *path: str) -> dict[str, float]:
    """The numbers in a part of a side's summary; none where it has no such part."""
    found: Any = side.summary
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    values = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in values if isinstance(value, (int, float))}


def _students(sides: Sides) -> Paired | str:
    """The students of both sides, or why they cannot be compared row by row."""
    base, outcomes = code(sides.base.name), f"`{paths.OUTCOMES}`"
    if sides.base.summary is None:
        return f"**First results**: {base} has no metrics to compare with."
    if AGREEING in (_measure(sides.here), _measure(sides.base)):
        return (
            "**Not compared**: without labelled test rows there is agreement with the teacher "
            "alone, which does not say whose students are better."
        )
    revisions = []
    for side, called in ((sides.base, base), (sides.here, "this commit")):
        if side.outcomes is None:
            return (
                f"**Not compared row by row**: {called} has no {outcomes}, which the stage "
                "`report` writes. A difference below may be chance."
            )
        if side.superseded or (students := side.students()) is None:
            return (
                f"**Not compared row by row**: {outcomes} of {called} is of another run, as its "
                "`dvc.lock` or its `seeds` say. A difference below may be chance."
            )
        revisions.append(students)
    found = _compared("student", *revisions)
    return found or (
        f"**Not comparable**: this commit and {base} were tested on other rows, or on rows with "
        "other queries, choices or labels, or are scored by another measure."
    )


def _others(sides: Sides) -> Iterator[Paired]:
    """What costs labels or calls, and the untrained student, where both sides have it."""
    assert sides.here.outcomes is not None
    for name in sides.here.outcomes.models:
        if zero_shot_of(name) or name in (TEACHER, paths.GOLD, paths.BASELINE):
            one, other = sides.base.model(name), sides.here.model(name)
            if one and other and (found := _compared(name, one, other)):
                yield found


def _compared(name: str, one: Revision, other: Revision) -> Paired | None:
    """One model of both sides; None where their test rows or measures differ."""
    try:
        before, after = paired(one, other)
    except StillhouseError:
        return None
    scale = before.measure.scale
    said = verdict(before.seeds, after.seeds, before.groups, scale=scale)
    return Paired(name, before.seeds, after.seeds, *said)


def _means(side: Seeds) -> dict[str, float]:
    ids = next(iter(side.values()))
    return {id_: fmean(scores[id_] for scores in side.values()) for id_ in ids}


def _stale() -> Iterator[str]:
    yield (
        "**Stale**: `dvc.lock` does not belong to this commit, so the figures below are not its "
        "own. `stillhouse check --lock` names the stages; `dvc repro` brings them up to date."
    )


def _verdict(student: Paired, found: Found, sides: Sides, measure: Measure) -> Iterator[str]:
    rows, base = f"{student.found.rows:,} test rows", code(sides.base.name)
    one, other = (
        measure.shown(side.score.mean) for side in (student.found.one, student.found.other)
    )
    cost = f"; {ratio}" if (ratio := _cost_ratio(sides)) else ""
    if found == "same":
        yield f"**The same**: all {rows} score as in {base} ({measure.lead}{other}){cost}."
        return
    said = student.said
    of = "" if said.of_method or student.found.pair else ", of these students alone"
    told = (
        f"{measure.title.lower()} {other} against {one} of {base}, "
        f"{gap(said.difference, measure)}; p {p_value(said.p_value, '= ')}{of}){cost}."
    )
    if found == "noise":
        yield f"**No difference that {rows} could show**: {told} {seen(said.detectable, measure)}"
        return
    words = {"better": "Higher", "worse": "Lower"} if measure.graded else {}
    yield f"**{words.get(found, found.capitalize())}** on {rows}: {told}"


def _cost_ratio(sides: Sides) -> str | None:
    """What the teacher's labels cost, in the base's: money, or tokens where nothing has a price."""
    (here, tokens), (base, tokens_before) = (
        (_figures(side, TEACHER, "cost"), _tokens(side)) for side in (sides.here, sides.base)
    )
    shared = here.keys() & base.keys()
    if len(shared) == 1 and here[currency := next(iter(shared))] and base[currency]:
        times = _times(here[currency], base[currency])
        return f"the teacher's labels cost {times if times == SAME else f'{times} as much'}"
    if tokens and tokens_before:
        times = _times(tokens, tokens_before)
        return f"the teacher's labels take {times if times == SAME else f'{times} the'} tokens"
    return None


def _tokens(side: Side) -> float:
    return sum(_figures(side, TEACHER).get(name, 0) for name in TOKENS)


def _times(value: float, before: float) -> str:
    if value == before:
        return SAME
    return f"{value / before:,.3g} times" if before else "-"


def _paired_table(
    models: list[Paired], sides: Sides, measure: Measure, alpha: float
) -> Iterator[str]:
    def cell(side: Scored) -> str:
        return f"{measure.shown(side.score.mean)} ({measure.ends(side.score.low, side.score.high)})"

    lines = []
    for model in models:
        word, said = model.word(alpha), model.said
        if measure.graded:
            word = {"better": "higher", "worse": "lower"}.get(word, word)  # type: ignore[assignment]
        seeds = {model.found.one.seeds, model.found.other.seeds}
        several = f", {' and '.join(map(str, sorted(seeds)))} seeds" if seeds != {1} else ""
        lines.append(
            (
                f"**Student**{several}" if model.name == "student" else _title(model.name),
                cell(model.found.other),
                cell(model.found.one),
                f"{gap(said.difference, measure)})",
                p_value(said.p_value),
                word,
            )
        )
    headings = (measure.title, "this commit", code(sides.base.name), "difference", "p", "")
    yield from table(headings, lines)


def _title(name: str) -> str:
    asked = zero_shot_of(name)
    if asked is None:
        return NAMES[name]
    who, _, prompt = asked.partition(", ")
    return f"{who}, {code(prompt)}"


def _unpaired(sides: Sides, measure: Measure) -> Iterator[str]:
    """Both sides' figures beside each other, and no test of them."""
    sound = [_measure(side) for side in (sides.here, sides.base)]
    base = sides.base if sound[0] == sound[1] else None
    own, before = _figures(sides.here, "student"), _figures(base, "student") if base else {}
    headings = (measure.title, "this commit", code(sides.base.name))
    yield from table(headings, [("**Student**", _score(own, measure), _score(before, measure))])


def _score(student: Mapping[str, float], measure: Measure) -> str:
    names = [f"{measure.name}{end}" for end in ("", "_low", "_high")]
    if not student.keys() >= set(names):
        return "-"
    mean, low, high = (student[name] for name in names)
    return f"{measure.shown(mean)} ({measure.ends(low, high)})"


def _rows(student: Paired, sides: Sides) -> Iterator[str]:
    """Which rows got better and which worse."""
    gaps = student.gaps()
    better = [id_ for id_, difference in gaps.items() if difference > ROUNDING]
    worse = [id_ for id_, difference in gaps.items() if difference < -ROUNDING]
    if not better and not worse:
        return
    ids = _ids(sides.here)
    for moved, word in ((better, "better"), (worse, "worse")):
        said = f"{len(moved):,} {'row' if len(moved) == 1 else 'rows'} got {word}"
        names = [ids[place] if ids else str(int(place)) for place in moved]
        yield f"- {said}: {listed(names, MOST_ROWS)}" if moved else f"- {said}"
    if not ids:
        yield ""
        yield (
            f"Rows are numbered from 1 in the order of their ids, which are in `{EXAMPLES.path}`: "
            "it is not here, or not of these test rows."
        )


def _ids(side: Side) -> dict[str, str] | None:
    """The ids of the test rows by their places, where the table of the same rows is here."""
    outcomes = side.outcomes
    if outcomes is None or not EXAMPLES.path.exists():
        return None
    try:
        examples = EXAMPLES.read_rows()
    except StillhouseError:
        return None
    test = {
        row["id"]: row
        for row in examples
        if row["split"] == "test" and (row["label"] is not None or not outcomes.measure.needs_label)
    }
    if digest_of(test) != outcomes.digest:
        return None
    return dict(zip(places(len(test)), sorted(test), strict=True))


def _changes(sides: Sides) -> Iterator[str]:
    """The knobs and stages that differ, folded."""
    found = changes(sides.base.lock, sides.here.lock)
    if not found.knobs and not found.stages:
        yield "No knob and no stage has changed."
        return
    counts = [
        f"{len(each):,} {name if len(each) == 1 else f'{name}s'}"
        for each, name in ((found.knobs, "knob"), (found.stages, "stage"))
    ]
    yield f"<details><summary>Changed: {' and '.join(counts)}</summary>"
    if found.knobs:
        yield ""
        lines = [
            (code(each.name), *("-" if v is None else code(v) for v in (each.before, each.after)))
            for each in found.knobs[:MOST_CHANGES]
        ]
        yield from table(("knob", code(sides.base.name), "this commit"), lines, figures=False)
        yield from _more(len(found.knobs))
    if found.stages:
        yield ""
        stages = list(found.stages.items())[:MOST_CHANGES]
        yield from table(
            ("stage", "what differs"),
            [(code(n), ", ".join(why)) for n, why in stages],
            figures=False,
        )
        yield from _more(len(found.stages))
    yield ""
    yield "</details>"


def _more(count: int) -> Iterator[str]:
    if count > MOST_CHANGES:
        yield ""
        yield f"and {count - MOST_CHANGES:,} more"


def _cost_table(sides: Sides) -> Iterator[str]:
    """Tokens and money, of both sides."""
    both = (sides.here, sides.base)
    tokens = {"Teacher's tokens in": TOKENS[0], "Teacher's tokens out": TOKENS[1]}
    figures: dict[str, list[float | None]] = {
        title: [_figures(side, TEACHER).get(name) for side in both]
        for title, name in tokens.items()
    }
    money = [_figures(side, TEACHER, "cost") for side in both]
    for currency in sorted({*money[0], *money[1]}):
        figures[f"Teacher's labels, {code(currency)}"] = [each.get(currency) for each in money]
    figures["Student's tokens an answer"] = [
        _figures(side, "student").get("mean_answer_tokens") for side in both
    ]
    lines = []
    for title, (here, base) in figures.items():
        if here is None and base is None:
            continue
        times = "-" if here is None or base is None else _times(here, base)
        lines.append((title, *("-" if v is None else _number(v) for v in (here, base)), times))
    if lines:
        yield from table(("Cost", "this commit", code(sides.base.name), ""), lines)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _footer(sides: Sides, artifact_url: str | None) -> Iterator[str]:
    if artifact_url:
        broken = {ord(sign): f"%{ord(sign):02X}" for sign in "<>()[]|`\\ \t\r\n\"'"}
        yield f"[The report of this run]({artifact_url.translate(broken)})"
        yield ""
    base, commits = code(sides.base.name), [short(side.commit) for side in (sides.here, sides.base)]
    where = (
        f"the commit at which it left {base}"
        if sides.related
        else f"the tip of {base}, since the two share no history"
    )
    own = "" if sides.committed else ", with what is not committed yet"
    yield f"{commits[0]}{own}, against {commits[1]}, {where}. Intervals are of 95%."
