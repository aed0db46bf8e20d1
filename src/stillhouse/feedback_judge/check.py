"""How good a judge is: its verdicts on labelled cases, and where they lean."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from pydantic import ConfigDict, Field, ValidationError

from stillhouse.config.base import Conf
from stillhouse.config.judge import Form, JudgeConf
from stillhouse.config.mistakes import first_mistake
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.feedback_judge.ask import Case, ask_judge
from stillhouse.feedback_judge.bias import order_agreement, position_metrics
from stillhouse.feedback_judge.verdict import Verdict
from stillhouse.store.store import Store

Report = dict[str, float | int]


class Turn(Conf):
    """One turn of the chat before an answer."""

    role: str
    content: str


class LabelledCase(Conf):
    """A line of the file; `query` and what the judge's form needs, further keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    query: str


class Pair(LabelledCase):
    """For a judge of pairs: which answer people find better (0: neither)."""

    answer_1: str
    answer_2: str
    better: int = Field(ge=0, le=2)


class Agreement(LabelledCase):
    """For a judge that compares an answer with the right one."""

    answer: str
    reference: str
    agree: bool


class Rated(LabelledCase):
    """For a judge of single answers."""

    answer: str
    history: tuple[Turn, ...] = ()
    score: float


class RatedQuery(LabelledCase):
    """For a judge of queries."""

    score: float


LINES: dict[Form, type[LabelledCase]] = {
    "pairwise": Pair,
    "reference": Agreement,
    "answer": Rated,
    "query": RatedQuery,
}


def check_judge(
    path: Path, judge: JudgeConf, model: TeacherConf, store: Store | None = None
) -> Report:
    """Ask the judge about every line of `path`, and compare its verdicts with the labels.

    Shares are over all cases, a missing verdict counts as wrong; biases are over the verdicts
    given. Pairs are asked twice, with their places swapped, and the scores are averaged.
    """
    lines = read_labelled(path, judge.form)
    if judge.form == "pairwise":
        return _check_pairs([line for line in lines if isinstance(line, Pair)], judge, model, store)
    numbered = {str(number): line for number, line in enumerate(lines, start=1)}
    shown = {id_: line.model_dump(exclude={"agree", "score"}) for id_, line in numbered.items()}
    cases = [Case(id_, values) for id_, values in shown.items()]
    verdicts = ask_judge(cases, judge, model, store)
    given = [(line, verdicts[id_]) for id_, line in numbered.items()]
    if judge.form == "reference":
        return _check_agreement(given, judge)
    return _check_scores(given)


def read_labelled(path: Path, form: Form) -> list[LabelledCase]:
    """The labelled cases of a JSON Lines file; every malformed line is reported, at once."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise StillhouseError(f"{path} is not a readable JSON Lines file: {error}") from error
    found, problems = [], []
    for number, text_line in enumerate(text.split("\n"), start=1):
        if not text_line.strip():
            continue
        try:
            found.append(LINES[form].model_validate(json.loads(text_line)))
        except ValidationError as error:
            problems.append(f"{path}:{number}: {first_mistake(error)}")
        except json.JSONDecodeError as error:
            problems.append(f"{path}:{number}: {error}")
    if problems or not found:
        fields = ", ".join(name for name in LINES[form].model_fields)
        shown = "\n".join(f"  - {problem}" for problem in problems[:10]) or "  - it has no lines"
        raise StillhouseError(
            f"{len(problems)} lines of {path} cannot be used by a judge of the form `{form}`, "
            f"which needs {fields}:\n{shown}"
        )
    return found


def _check_pairs(
    pairs: Sequence[Pair], judge: JudgeConf, model: TeacherConf, store: Store | None
) -> Report:
    cases = []
    for number, pair in enumerate(pairs):
        one, other = pair.answer_1, pair.answer_2
        shown = {"as_given": (one, other), "swapped": (other, one)}
        for order, (first, second) in shown.items():
            values = {"query": pair.query, "answer_1": first, "answer_2": second}
            cases.append(Case(f"{number + 1} ({order})", values))
    verdicts = ask_judge(cases, judge, model, store)
    leads = []
    for number in range(1, len(pairs) + 1):
        orders = (verdicts[f"{number} (as_given)"], verdicts[f"{number} (swapped)"])
        leads.append(tuple(None if v is None else v[0] - v[1] for v in orders))
    return pair_report(pairs, leads)


def pair_report(pairs: Sequence[Pair], leads: Sequence[tuple[float | None, ...]]) -> Report:
    """`leads`: for each pair the first answer's score minus the second's, as given and swapped."""
    both = {
        place: (given, swapped)
        for place, (given, swapped) in enumerate(leads)
        if given is not None and swapped is not None
    }
    decided = {place: (given - swapped) / 2 for place, (given, swapped) in both.items()}
    single = [lead for orders in leads for lead in orders if lead is not None]
    report: Report = {"cases": len(pairs), "missing": 1 - len(single) / (2 * len(pairs))}
    right = [pairs[place].better == _better(lead) for place, lead in decided.items()]
    report["accuracy"] = sum(right) / len(pairs)
    if decided:
        report["order_agreement"] = order_agreement(both.values())
        report["ties"] = fmean(_better(lead) == 0 for lead in decided.values())
    if single:
        report |= position_metrics(single)
    return report | _length_bias(pairs, decided)


def _length_bias(pairs: Sequence[Pair], decided: Mapping[int, float]) -> Report:
    """How much more often the judge prefers the longer answer than people do."""
    unequal = {
        place: 1 if len(pairs[place].answer_1) > len(pairs[place].answer_2) else 2
        for place in decided
        if len(pairs[place].answer_1) != len(pairs[place].answer_2)
    }
    if not unequal:
        return {}
    judged = fmean(_better(decided[place]) == longer for place, longer in unequal.items())
    people = fmean(pairs[place].better == longer for place, longer in unequal.items())
    return {"prefers_longer": judged, "length_bias": judged - people}


def _better(lead: float) -> int:
    return (lead > 0) + 2 * (lead < 0)


def _check_agreement(
    given: Sequence[tuple[LabelledCase, Verdict | None]], judge: JudgeConf
) -> Report:
    """Says "they agree" above the middle of the scale."""
    middle = sum(judge.scale) / 2
    cases = [(line, v) for line, v in given if isinstance(line, Agreement)]
    said = [(line.agree, v[0] > middle) for line, v in cases if v is not None]
    report: Report = {"cases": len(cases), "missing": 1 - len(said) / len(cases)}
    report["accuracy"] = sum(truth == verdict for truth, verdict in said) / len(cases)
    for name, truth in (("accepts_right", True), ("accepts_wrong", False)):
        of_kind = [verdict for label, verdict in said if label == truth]
        if of_kind:
            report[name] = fmean(of_kind)
    return report


def _check_scores(given: Sequence[tuple[LabelledCase, Verdict | None]]) -> Report:
    cases = [(line, v) for line, v in given if isinstance(line, (Rated, RatedQuery))]
    scored = [(line.score, v[0]) for line, v in cases if v is not None]
    report: Report = {"cases": len(cases), "missing": 1 - len(scored) / len(cases)}
    report["accuracy"] = sum(label == score for label, score in scored) / len(cases)
    if scored:
        report["mean_error"] = fmean(score - label for label, score in scored)
        report["mean_absolute_error"] = fmean(abs(score - label) for label, score in scored)
    return report
