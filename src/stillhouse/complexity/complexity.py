"""The complexity of each test question, as a judge rates it, and their mean and median."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from stillhouse.config.judge import JudgeConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.tables import Row
from stillhouse.feedback_judge.ask import Case, ask_judge
from stillhouse.statistics.graded import bounded_interval
from stillhouse.statistics.intervals import as_metrics
from stillhouse.store.store import Store

JUDGE = "complexity"
"""Its entry in conf/judge."""


def rate_complexity(
    examples: Iterable[Row], judge: JudgeConf, model: TeacherConf, store: Store | None = None
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of table `complexity`, and its metrics: `rows` of which `rated`, and of these `mean`,
    with its interval over groups, and `median`.

    `judge` sees the query alone (form `query`); a completion without a clear score is none.
    """
    test = [row for row in examples if row["split"] == "test"]
    cases = [Case(row["id"], {"query": row["query"]}) for row in test]
    verdicts = ask_judge(cases, judge, model, store)
    table = [
        {"id": row["id"], "score": None if (said := verdicts[row["id"]]) is None else said[0]}
        for row in test
    ]
    groups = {row["id"]: row["group"] for row in test}
    return table, _measured(table, [groups[row["id"]] for row in table], judge)


def _measured(
    table: Sequence[Row], groups: Sequence[str | None], judge: JudgeConf
) -> dict[str, Any]:
    rated = [
        (row["score"], group)
        for row, group in zip(table, groups, strict=True)
        if row["score"] is not None
    ]
    metrics: dict[str, Any] = {"rows": len(table), "rated": len(rated)}
    if not rated:
        return metrics
    scores = [score for score, _ in rated]
    interval = bounded_interval(scores, *judge.scale, [group for _, group in rated])
    return metrics | as_metrics("mean", interval) | {"median": median(scores)}
