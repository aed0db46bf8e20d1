"""`stillhouse exps`: experiments and commits as a table, each held against one base.

What Git holds is read from Git: reports, knobs, entries, and the scores of each row, which decide
whether a difference is more than chance. DVC is asked for its queue, where there is one, and for
predictions where a commit has no scores. Nothing is fetched from a remote: what is not here is not
compared.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhouse.config.teacher import Price
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.text import printable
from stillhouse.core.yaml import parse_yaml
from stillhouse.experiments.git import experiments, git, read_text, resolve
from stillhouse.kinds.measures import NAMED
from stillhouse.report.layout import MOST_PROSE, Column, table, wrapped
from stillhouse.teacher_generate.estimate import money

if TYPE_CHECKING:
    from stillhouse.experiments.revisions import Revision

DONE, QUEUED, RUNNING, FAILED = "done", "queued", "running", "failed"
NO_RESULT = "no result"
NOT_COMPARED = "not compared"
BASE = "base"
CODE = ("src", "stages", "dvc.yaml", "requirements.txt", "requirements.lock")
"""Where a change is one of the code."""
WIDEST = 100
LONGEST = 60
"""Of a value; more of it is cut."""
NONE = (
    "No experiment of {} yet. `dvc exp run -S k=4` runs one with another value of a knob; "
    "`stillhouse exps --all` shows those of other commits."
)
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Entry:
    """An experiment, a commit of the branch, or what waits in DVC's queue."""

    name: str
    commit: str
    baseline: str
    time: int
    state: str = DONE


@dataclass(frozen=True)
class Against:
    """How an entry differs from the base: in points or on the measure's scale, and in a word."""

    verdict: str
    difference: str = "-"
    why_not: str = ""
    """Why it was not compared."""


@dataclass(frozen=True)
class Line:
    """An entry with all that the table says of it."""

    entry: Entry
    changed: Sequence[str]
    score: str
    interval: str
    against: Against
    cost: str


def entries(base: str, *, commits: int = 0, every: bool = False) -> list[Entry]:
    """The base, then commits of the branch, the experiments on these, newest first, and the queue.

    `every`: experiments of all commits. Raises StillhouseError where there is no such revision.
    """
    commit = resolve(base)
    found = [Entry(base, commit, commit, _time(commit))]
    log = git("log", "-z", "--first-parent", f"-n{commits + 1}", "--format=%H %ct %s", "HEAD")
    for line in filter(None, log.split("\0")) if commits else ():
        each, seconds, subject = line.split(" ", 2)
        if each != commit:
            found.append(Entry(f"{each[:7]} {subject}", each, each, int(seconds)))
    found = found[: commits + 1]
    kept = experiments()
    known = {each.commit for each in found}
    known |= {e.baseline for e in kept if e.commit == commit}  # beside an experiment its siblings
    shown = [e for e in kept if e.commit != commit and (every or e.baseline in known)]
    found += [Entry(e.name, e.commit, e.baseline, e.time) for e in reversed(shown)]
    return [*found, *(each for each in _queue() if every or each.baseline in known)]


def _time(commit: str) -> int:
    return int(git("show", "--no-patch", "--format=%ct", commit))


def _queue() -> Iterator[Entry]:
    """What is queued, runs or failed; DVC is asked only where its queue holds something."""
    if not git("for-each-ref", "--count=1", "refs/exps/celery", "refs/exps/exec"):
        return
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        queue = Repo().experiments.celery_queue
        waiting = [(QUEUED, each) for each in queue.iter_queued()]
        active = [(RUNNING, each) for each in queue.iter_active()]
        failed = [(FAILED, each.entry) for each in queue.iter_failed()]
    except DvcException as error:
        raise StillhouseError(f"DVC cannot read its queue: {error}.") from error
    for state, each in (*active, *waiting, *failed):
        name = each.name or each.stash_rev[:7]
        yield Entry(name, each.stash_rev, each.baseline_rev, _time(each.stash_rev), state)


def lines(found: Sequence[Entry]) -> Iterator[Line]:
    """Each entry held against the first one, which is the base."""
    base, *others = found
    report = _report(base.commit)
    yield _line(base, (), report, Against(BASE if report else NO_RESULT))
    if not others:
        return
    rows = _read(base) if report else f"{base.name} has no {paths.REPORT}"
    for each in others:
        own = _report(each.commit) if each.state == DONE else None
        if own is None:
            against = Against(NO_RESULT if each.state == DONE else each.state)
        else:
            against = _against(rows, each, report, own)
        yield _line(each, changed(base.commit, each.commit), own, against)


def _report(commit: str) -> Mapping[str, Any] | None:
    """A commit's report; None where there is none, or one without what the table shows."""
    text = read_text(commit, paths.REPORT)
    try:
        found = json.loads(text) if text else {}
        scores, measure = found["student"], NAMED[found["measure"]]
        return found if measure.name in scores else None
    except (ValueError, KeyError, TypeError):
        return None


def _read(entry: Entry) -> "Revision | str":
    """The scores of an entry's test rows as far as they are on this machine; else why not."""
    from stillhouse.experiments.revisions import read_revision

    try:
        return read_revision(entry.commit, fetch=False)
    except StillhouseError as error:
        return str(error).replace(repr(entry.commit), repr(entry.name))


def _against(
    base: "Revision | str",
    entry: Entry,
    base_report: Mapping[str, Any] | None,
    report: Mapping[str, Any],
) -> Against:
    """The paired test where both sides' rows are here; else at most the difference of the means."""
    from stillhouse.experiments.compare import compared, in_a_word

    own = base if isinstance(base, str) else _read(entry)
    if isinstance(base, str) or isinstance(own, str):
        return Against(NOT_COMPARED, _of_means(base_report, report), str(own))
    try:
        found = compared(base, own)
    except StillhouseError as error:
        return Against(NOT_COMPARED, why_not=str(error).replace(entry.commit, entry.name))
    # Where the word is of the methods, so is the interval.
    both, of_method = found.found, found.found.pair is None and found.found.method
    shown = of_method.difference if of_method else both.difference
    mean, low, high = map(found.measure.change, (shown.mean, shown.low, shown.high))
    return Against(in_a_word(both), f"{mean} ({low} to {high})")


def _of_means(base: Mapping[str, Any] | None, report: Mapping[str, Any]) -> str:
    if base is None or base["measure"] != report["measure"]:
        return "-"
    measure = NAMED[report["measure"]]
    return measure.change(report["student"][measure.name] - base["student"][measure.name])


def _line(
    entry: Entry, changes: Sequence[str], report: Mapping[str, Any] | None, against: Against
) -> Line:
    if report is None:
        return Line(entry, changes, "-", "-", against, "-")
    measure, scores = NAMED[report["measure"]], report["student"]
    ends = [scores.get(f"{measure.name}_{end}") for end in ("low", "high")]
    interval = "-" if None in ends else measure.ends(*ends)
    shown = measure.shown(scores[measure.name])
    return Line(entry, changes, shown, interval, against, _cost(report.get("teacher", {})))


def _cost(asked: Mapping[str, Any]) -> str:
    """What the teacher's labels cost in money, or where they cost none, in tokens."""
    money_ = [
        money(amount, Price(currency=currency))
        for currency, amount in asked.get("cost", {}).items()
        if amount
    ]
    tokens = asked.get("prompt_tokens", 0) + asked.get("completion_tokens", 0)
    return " + ".join(money_) or (f"{tokens:,} tokens" if tokens else "-")


def changed(base: str, commit: str) -> list[str]:
    """The knobs that differ, as `k=10`, keys of the chosen entries, and whether the code does."""
    files = git("diff", "--name-only", "-z", "--relative", base, commit).split("\0")
    before, after = _values(base, paths.PARAMS), _values(commit, paths.PARAMS)
    found = list(_differing(before, after))
    for file in filter(None, files):
        group, name = (*file.removesuffix(".yaml").split("/")[1:], "", "")[:2]
        chosen = before.get(group) == after.get(group) == name
        if chosen and file == f"{paths.CONF}/{group}/{name}.yaml":
            differing = _differing(_values(base, file), _values(commit, file))
            found += [f"{group}.{each}" for each in differing]
    if any(file.startswith(f"{each}/") or file == each for file in files for each in CODE):
        found.append("code")
    if any(file.startswith(f"{paths.RAW}/") for file in files):
        found.append("data")
    return found


def _values(commit: str, path: str | Path) -> dict[str, Any]:
    text = read_text(commit, path)
    try:
        values = parse_yaml(text, str(path)) if text else {}
    except StillhouseError:
        return {}
    return dict(_flat(values)) if isinstance(values, dict) else {}


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for key in [*after, *(key for key in before if key not in after)]:
        if key not in after:
            yield f"without {key}"
        elif key not in before or before[key] != after[key]:
            value = after[key]
            said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{key}={said if len(said) <= LONGEST else said[: LONGEST - 1] + '…'}"


def shown(found: Sequence[Line], width: int, now: float) -> Iterator[str]:
    """The table's lines, at most `width` wide: what changed stands below each name."""
    width = min(width, WIDEST)
    wide = width == WIDEST  # names are folded before a column is left out
    columns = [
        Column(_heading(found), [line.score for line in found]),
        Column("95% interval", [line.interval for line in found], needed=wide),
        Column("Difference", [line.against.difference for line in found]),
        Column("Verdict", [line.against.verdict for line in found]),
        Column("Cost", [line.cost for line in found], needed=wide),
        Column("Age", [age(now - line.entry.time) for line in found]),
    ]
    names = [printable(line.entry.name) for line in found]
    made = table(Column("", names), columns, width)
    yield made.pop(0)
    for line in found:
        yield made.pop(0)
        while made and made[0].startswith("  "):
            yield made.pop(0)
        changes = printable(", ".join(line.changed))
        yield from (f"    {each}" for each in wrapped(changes, width - 4))


def _heading(found: Sequence[Line]) -> str:
    reports = (_report(line.entry.commit) for line in found if line.score != "-")
    headings = {NAMED[report["measure"]].heading for report in reports if report}
    return headings.pop() if len(headings) == 1 else "Score"


def age(seconds: float) -> str:
    """How long ago, in its largest unit: `3 h`."""
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "now"


def notes(found: Sequence[Line]) -> Iterator[str]:
    """What stands below the table: why something was not compared, and what to run."""
    reasons: dict[str, list[str]] = {}
    for line in found:
        if line.against.why_not:
            reasons.setdefault(line.against.why_not, []).append(line.entry.name)
    for reason, names in reasons.items():
        yield f"Not compared: {', '.join(names)}. {reason}"
    if any(line.entry.state == FAILED for line in found):
        yield "`dvc queue logs NAME` says why one failed; `dvc queue remove --failed` forgets them."
    if any(line.entry.state == QUEUED for line in found):
        yield "`dvc queue start` runs what is queued."


def as_json(found: Sequence[Line]) -> str:
    """The table as a JSON array."""
    rows = [
        {
            "name": line.entry.name,
            "commit": line.entry.commit,
            "state": line.entry.state,
            "time": line.entry.time,
            "changed": list(line.changed),
            "score": line.score,
            "interval": line.interval,
            "difference": line.against.difference,
            "verdict": line.against.verdict,
            "why_not": line.against.why_not,
            "cost": line.cost,
        }
        for line in found
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def said(base: str, found: Sequence[Entry], width: int, now: float) -> Iterator[str]:
    """All that the command prints."""
    made = list(lines(found))
    yield from shown(made, width, now)
    prose = min(width, MOST_PROSE)
    told = list(notes(made))
    if len(found) == 1:
        told.append(NONE.format(base))
    for each in told:
        yield ""
        yield from wrapped(printable(each), prose, indent=2)
