"""What a judge is asked about the teacher's labels and the student's predictions; its verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import fmean
from typing import Any, NamedTuple

from stillhouse.config.dataset import Metric
from stillhouse.config.judge import JudgeConf, judging_model
from stillhouse.config.knobs import Feedback
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import Row
from stillhouse.feedback_judge.ask import Case, ask_judge
from stillhouse.feedback_judge.bias import order_agreement, position_metrics
from stillhouse.feedback_judge.verdict import Verdict
from stillhouse.feedback_split.difficulty import EQUAL, METRIC, by_row, score_gap
from stillhouse.kinds.registry import kind_of
from stillhouse.store.store import Store
from stillhouse.teacher_generate.spending import Ledger

Metrics = dict[str, float]

TEACHER_FIRST, STUDENT_FIRST = "teacher_first", "student_first"


class JudgedRow(NamedTuple):
    """A training row, the teacher's label and the student's prediction; gold where there is one."""

    id: str
    query: str
    choices: Sequence[str]
    gold: str | None
    teacher: str | None
    student: str


def rows_to_judge(
    examples: Iterable[Row], parsed: Sequence[Row], predictions: Iterable[Row]
) -> list[JudgedRow]:
    """The rows of which there is a prediction, each with the teacher's first label.

    Test and validation rows have no business here: they are an error.
    """
    known, given = by_id(examples, "examples"), by_id(predictions, "feedback_predictions")
    teacher = by_id([row for row in parsed if row["sample"] == 0], "parsed")
    require_ids(given, known, "feedback_predictions", "examples")
    for id_ in given:
        if known[id_]["split"] not in ("train", "unlabelled"):
            raise StillhouseError(
                f"Table 'feedback_predictions' holds the {known[id_]['split']} row {id_!r}: "
                "feedback is given on training rows alone. Run `dvc repro`."
            )
    return [
        JudgedRow(
            id_,
            query=known[id_]["query"],
            choices=known[id_]["choices"],
            gold=known[id_]["label"],
            teacher=teacher[id_]["label"] if id_ in teacher else None,
            student=row["prediction"],
        )
        for id_, row in sorted(given.items())
    ]


def judge_rows(
    rows: Sequence[JudgedRow],
    feedback: Feedback,
    metric: Metric,
    judge: JudgeConf,
    teacher: TeacherConf,
    *,
    store: Store | None = None,
    ledger: Ledger | None = None,
) -> tuple[list[Row], Metrics]:
    """Rows of table `verdicts`, and the content of metrics/judge.json.

    `wrong` compares the prediction with the row's gold label and asks nobody. Otherwise the judge
    scores both answers: a pairwise one twice, with their places swapped.
    """
    if feedback == "none" or not rows:
        return [], {"rows": 0}
    if feedback == "wrong":
        return _by_metric(rows, metric)
    _require_answers(rows, judge)
    answered = sum(row.teacher is not None for row in rows)
    equal, asked = to_ask(rows, metric, judge)
    model = judging_model(judge, teacher)
    given = ask_judge([case for _, _, case in asked], judge, model, store, ledger)
    verdicts = [_verdict(row, what, given[case.id]) for row, what, case in asked]
    counts: Metrics = {
        "rows": len(rows),
        "equal": len(equal),
        "without_teacher_answer": len(rows) - answered,
    }
    return [*equal, *verdicts], counts | judge_metrics(verdicts)


def to_ask(
    rows: Sequence[JudgedRow], metric: Metric, judge: JudgeConf
) -> tuple[list[Row], list[tuple[JudgedRow, str, Case]]]:
    """Of the rows with a teacher's label: verdicts where both answers are equal, and what the judge
    is asked about the others.
    """
    equal: list[Row] = []
    asked: list[tuple[JudgedRow, str, Case]] = []
    for row in rows:
        if row.teacher is None:
            continue
        if kind_of(metric, row.choices).score(row.student, row.teacher) == 1:
            equal.append(_row(row.id, EQUAL))
        else:
            asked += [(row, what, case) for what, case in cases_of(row, judge)]
    return equal, asked


def _by_metric(rows: Sequence[JudgedRow], metric: Metric) -> tuple[list[Row], Metrics]:
    scores = {
        row.id: kind_of(metric, row.choices).score(row.student, row.gold)
        for row in rows
        if row.gold is not None
    }
    if not scores:
        raise StillhouseError(
            "`feedback: wrong` compares predictions with gold labels, and none of the "
            f"{len(rows)} chosen rows has one. Use `feedback: hard`, which asks a judge."
        )
    table = [_row(id_, METRIC, student=score) for id_, score in scores.items()]
    return table, {"rows": len(rows), "student_accuracy": fmean(scores.values())}


def cases_of(row: JudgedRow, judge: JudgeConf) -> list[tuple[str, Case]]:
    """What is asked about one row: its name within the row, and the case."""
    both = {"teacher": row.teacher, "student": row.student}
    values: dict[str, dict[str, Any]]
    if judge.form == "pairwise":
        values = {
            TEACHER_FIRST: {"answer_1": row.teacher, "answer_2": row.student},
            STUDENT_FIRST: {"answer_1": row.student, "answer_2": row.teacher},
        }
    elif judge.form == "reference":
        if row.gold is None:
            return []
        values = {who: {"answer": said, "reference": row.gold} for who, said in both.items()}
    else:
        values = {who: {"answer": said, "history": []} for who, said in both.items()}
    return [
        (what, Case(f"{row.id} ({what})", {"query": row.query} | shown))
        for what, shown in values.items()
    ]


def _verdict(row: JudgedRow, asked: str, verdict: Verdict | None) -> Row:
    if verdict is None:
        return _row(row.id, asked)
    match asked:
        case "teacher_first":
            return _row(row.id, asked, teacher=verdict[0], student=verdict[1])
        case "student_first":
            return _row(row.id, asked, teacher=verdict[1], student=verdict[0])
        case "teacher":
            return _row(row.id, asked, teacher=verdict[0])
        case _:
            return _row(row.id, asked, student=verdict[0])


def _row(id_: str, asked: str, teacher: float | None = None, student: float | None = None) -> Row:
    return {"id": id_, "asked": asked, "teacher_score": teacher, "student_score": student}


def judge_metrics(verdicts: Sequence[Row]) -> Metrics:
    """How far the judge can be trusted, over what it was asked.

    `missing`: share of completions without a verdict. Of rows with both orders: `order_agreement`,
    the share that both orders decide alike (better, worse or equal), `prefers_first` and
    `prefers_second`, shares of verdicts, and `position_bias`, the mean score of what stands first
    minus that of what stands second, in points.
    """
    if not verdicts:
        return {"asked": 0}
    missing = [v["teacher_score"] is None and v["student_score"] is None for v in verdicts]
    metrics: Metrics = {"asked": len(verdicts), "missing": fmean(missing)}
    rows = by_row(verdicts)
    both = [pair for group in rows.values() if (pair := _leads(group)) is not None]
    if both:
        metrics["order_agreement"] = order_agreement(both)
        metrics |= position_metrics(chain.from_iterable(both))
    gaps = [gap for group in rows.values() if (gap := score_gap(group)) is not None]
    return metrics | {"judged": len(gaps)} | ({"mean_gap": fmean(gaps)} if gaps else {})


def _leads(verdicts: Iterable[Mapping[str, Any]]) -> tuple[float, float] | None:
    """What the first answer leads by, with the teacher's first and with the student's."""
    gaps = {
        verdict["asked"]: verdict["teacher_score"] - verdict["student_score"]
        for verdict in verdicts
        if None not in (verdict["teacher_score"], verdict["student_score"])
    }
    return (gaps[TEACHER_FIRST], -gaps[STUDENT_FIRST]) if len(gaps) == 2 else None


def _require_answers(rows: Sequence[JudgedRow], judge: JudgeConf) -> None:
    if judge.form == "query":
        raise StillhouseError(
            "`judge` in params.yaml names a judge of queries (form `query`), which sees no "
            "answers: `feedback` needs one that does, such as `judge: pairwise`."
        )
    if all(row.teacher is None for row in rows):
        raise StillhouseError(
            f"None of the {len(rows)} chosen rows has a teacher label, so there is nothing to "
            "compare the student's predictions with. Either the prompt shows the label (`reply: "
            "rationale`), or no completion could be read (see metrics/parse.json). Choose another "
            "`prompt`, or `feedback: wrong`, which compares with gold labels."
        )
