"""What the stages of the latest run did, from the run log: a table of them, and their sum.

A run is one call of DVC. Stages that it found unchanged, or restored from its cache, leave no trace
in the log.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillhouse.config import pipeline
from stillhouse.config.teacher import Price
from stillhouse.report.layout import Column, table
from stillhouse.teacher_generate.estimate import money

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """Answers that were asked for and came, those that the store had, and money by currency."""

    asked: int = 0
    reused: int = 0
    money: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StageRun:
    """A stage that ran to its end; `rows` are those of the table that it wrote."""

    stage: str
    seconds: float
    asked: Asked = Asked()
    rows: int | None = None


@dataclass(frozen=True)
class Run:
    """The stages that one call of DVC ran, in their order, and what all of them asked.

    Also what a stage asked that then failed.
    """

    stages: Sequence[StageRun]
    asked: Asked

    @property
    def seconds(self) -> float:
        """Of the stages, without what DVC itself took."""
        return sum(stage.seconds for stage in self.stages)


def latest_run(stages: Sequence[Event], teacher: Sequence[Event]) -> Run | None:
    """The last run in the log, given its events `stage` and `teacher`, oldest first.

    None where nothing ran yet. A stage that was started by hand is a run of its own.
    """
    if not stages:
        return None
    name = stages[-1].get("run")
    return one_run(name, stages, teacher) if name else _run(stages[-1:], ())


def one_run(name: str, stages: Iterable[Event], teacher: Iterable[Event]) -> Run:
    """The run of DVC that has this name in the log."""
    latest = {event["stage"]: event for event in stages if event.get("run") == name}
    return _run(latest.values(), [event for event in teacher if event.get("run") == name])


def _run(events: Iterable[Event], teacher: Sequence[Event]) -> Run:
    stages = []
    for event in events:
        name = event["stage"]
        of_stage = _asked(each for each in teacher if each["stage"] == name)
        stages.append(StageRun(name, event["seconds"], of_stage, written_rows(name)))
    return Run(stages, _asked(teacher))


def _asked(events: Iterable[Event]) -> Asked:
    counts: Counter[str] = Counter()
    money: dict[str, float] = {}
    for event in events:
        counts["asked"] += event["asked"] - event["failed"]
        counts["reused"] += event["reused"]
        if event["money"]:
            money[event["currency"]] = money.get(event["currency"], 0.0) + event["money"]
    return Asked(counts["asked"], counts["reused"], money)


def written_rows(stage: str, root: Path = Path()) -> int | None:
    """The rows of the first table that a stage, such as `evaluate@0`, has written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name, _, seed = stage.partition("@")
    declared = pipeline.stages(root)
    outs = declared[name].outs if name in declared else ()
    tables = (root / out.replace("${item.seed}", seed) for out in outs)
    first = next((path for path in tables if path.suffix == ".parquet"), None)
    try:
        return None if first is None else int(pq.read_metadata(first).num_rows)
    except (OSError, pa.ArrowInvalid):
        return None  # removed since, or not restored


def run_lines(run: Run, width: int) -> Iterator[str]:
    """A line for each stage: rows, answers, seconds, money."""
    asking = any(stage.asked.asked or stage.asked.reused for stage in run.stages)
    columns = [
        Column("Rows", [_count(stage.rows) for stage in run.stages]),
        *(_answers(run.stages) if asking else ()),
        Column("Seconds", [f"{stage.seconds:,.0f}" for stage in run.stages]),
    ]
    if any(stage.asked.money for stage in run.stages):
        columns.append(Column("Money", [shown_money(stage.asked) or "-" for stage in run.stages]))
    yield from table(Column("", [stage.stage for stage in run.stages]), columns, width)


def _answers(stages: Sequence[StageRun]) -> Iterator[Column]:
    asks = [stage.asked.asked or stage.asked.reused for stage in stages]
    for heading, counts in (
        ("Asked", [stage.asked.asked for stage in stages]),
        ("Reused", [stage.asked.reused for stage in stages]),
    ):
        shown = [_count(n if asking else None) for n, asking in zip(counts, asks, strict=True)]
        yield Column(heading, shown)


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def shown_money(asked: Asked) -> str:
    """Money by currency; nothing where nothing was paid."""
    paid = asked.money.items()
    return " + ".join(money(amount, Price(currency=currency)) for currency, amount in paid)


def totals(run: Run) -> str:
    """What all stages together took: `132 s; 24 answers asked, 676 reused; 0.0123 EUR`."""
    asked = run.asked
    answers = f"{asked.asked:,} answer{'' if asked.asked == 1 else 's'} asked"
    if asked.reused:
        answers += f", {asked.reused:,} reused"
    return "; ".join(filter(None, [f"{run.seconds:,.0f} s", answers, shown_money(asked)]))
