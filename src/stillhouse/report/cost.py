"""What 1,000 answers of each model cost, and after how many of them distilling has paid for itself.

Tokens are counted; seconds are of this machine, from the run log; money follows from both by the
prices that the entries of teacher and student say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stillhouse.config.student import ServedModel, StudentConf
from stillhouse.config.teacher import Price, TeacherConf
from stillhouse.kinds.measures import ACCURACY
from stillhouse.report.against import NAMES, TEACHER, teacher_of, zero_shot_of
from stillhouse.report.layout import Column, table
from stillhouse.report.summary import PER_MILLION, Metrics
from stillhouse.teacher_generate.estimate import money

ANSWERS = 1_000
STUDENT = "student"
LABELS = "Teacher, as it labelled"
HOUR = 3_600
WORTH_SAYING = 2
"""How many times as fast a student has to be for the report to say so."""


@dataclass(frozen=True)
class Rates:
    """Prices by model, and how many seconds an answer took where that was seen."""

    prices: Mapping[str, Price]
    seconds: Mapping[str, float]
    """By the name of the model in the report."""
    training: float | None = None
    """The seconds that one student's training took."""

    def price(self, name: str) -> Price:
        """What pays for the answers of a model: the teacher's, or those of any student."""
        who, _, _ = name.partition(":")
        return self.prices[TEACHER if who == TEACHER else STUDENT]

    def money(self, name: str, tokens: Mapping[str, float]) -> float | None:
        """What one answer costs; None where it has no price, or one by an hour nobody measured."""
        price = self.price(name)
        counted = price.prompt * tokens["prompt"] + price.completion * tokens["completion"]
        if not price.hour:
            return counted / PER_MILLION if counted else None
        if name not in self.seconds:
            return None
        return counted / PER_MILLION + self.seconds[name] * price.hour / HOUR


def rates(
    teacher: TeacherConf,
    student: StudentConf,
    events: Mapping[str, Iterable[Mapping[str, Any]]],
    stages: Mapping[str, float],
) -> Rates:
    """What the entries and the run log say.

    `events`: those called `teacher` and `student`, oldest first. `stages`: the seconds of each
    stage's latest run.
    """
    model = student.model
    own = model.name if isinstance(model, ServedModel) else model.source
    names = {TEACHER: teacher.model.name, STUDENT: own}
    seconds: dict[str, float] = {}
    for event in events["teacher"]:
        purpose = event.get("purpose")
        who, _, _ = str(purpose).partition(":")
        if purpose and event["asked"] and event["model"] == names.get(who):
            seconds[purpose] = event["seconds"] / event["asked"]
    latest = {event["seed"]: event["rows_per_second"] for event in events["student"]}
    if latest:
        seconds[STUDENT] = len(latest) / sum(latest.values())
    trained = [value for stage, value in stages.items() if stage.startswith("train_student@")]
    training = sum(trained) / len(trained) if trained else None
    return Rates({TEACHER: teacher.price, STUDENT: student.price}, seconds, training)


def gained(found: Metrics, rates: Rates) -> str | None:
    """What the student keeps of the teacher's accuracy, and how much faster and cheaper it is."""
    name = teacher_of(found["against"])
    if name is None or found["measure"] != ACCURACY.name:
        return None
    figures, tokens = found["against"][name], found.get("tokens", {})
    if not figures["other"]:
        return None
    told = f"It has {figures['student'] / figures['other']:.0%} of the teacher's accuracy"
    shown = []
    # Where the store served all of a prompt's answers, the teacher is as fast as when it labelled.
    seconds = rates.seconds.get(name, rates.seconds.get(TEACHER))
    times = seconds / rates.seconds[STUDENT] if seconds and STUDENT in rates.seconds else 0.0
    if times >= WORTH_SAYING:
        shown.append(f"{times:,.0f} times its speed")
    each = {who: rates.money(who, tokens[who]) for who in (name, STUDENT) if who in tokens}
    theirs, own = each.get(name), each.get(STUDENT)
    if theirs and own and rates.price(name).currency == rates.price(STUDENT).currency:
        shown.append(f"{own / theirs:.1%} of its cost")
    return f"{told}, at {' and '.join(shown)}." if shown else f"{told}."


@dataclass(frozen=True)
class Cost:
    """What 1,000 answers of a model take; None where nobody knows."""

    name: str
    prompt_tokens: float
    completion_tokens: float
    seconds: float | None
    money: str | None


def costs(found: Metrics, rates: Rates) -> list[Cost]:
    """What 1,000 answers of each model cost, the student last; nothing without counted tokens."""
    tokens: Mapping[str, Mapping[str, float]] = found.get("tokens", {})
    names = [name for name in tokens if name != STUDENT] + [STUDENT]
    if names == [STUDENT] or STUDENT not in tokens:
        return []
    each = {name: rates.money(name, tokens[name]) for name in names}
    return [
        Cost(
            _named(name),
            ANSWERS * tokens[name]["prompt"],
            ANSWERS * tokens[name]["completion"],
            None if (seconds := rates.seconds.get(name)) is None else ANSWERS * seconds,
            None if (one := each[name]) is None else money(ANSWERS * one, rates.price(name)),
        )
        for name in names
    ]


def cost_lines(found: Metrics, rates: Rates, width: int) -> Iterator[str]:
    """The table of what answers cost; nothing without counted tokens."""
    listed = costs(found, rates)
    if not listed:
        return
    columns = [
        Column("Tokens in", [f"{cost.prompt_tokens:,.0f}" for cost in listed]),
        Column("Tokens out", [f"{cost.completion_tokens:,.0f}" for cost in listed]),
        Column("Seconds", ["-" if c.seconds is None else f"{c.seconds:,.1f}" for c in listed]),
        Column("Money", [cost.money or "-" for cost in listed]),
    ]
    told = [column for column in columns if set(column.cells) != {"-"}]
    yield ""
    yield f"{ANSWERS:,} answers of each model"
    yield from table(Column("", [cost.name for cost in listed]), told, width)


def paid_off(found: Metrics, rates: Rates) -> str | None:
    """After how many answers the student has saved what distilling cost; None without prices.

    Distilling costs the teacher's labels and the training of one student. The teacher that the
    student stands in for is the cheapest of those that were asked.
    """
    if found["run"]["training"] is None:  # what others have asked for it nobody knows here
        return None
    tokens: Mapping[str, Mapping[str, float]] = found.get("tokens", {})
    each = {name: rates.money(name, tokens[name]) for name in tokens}
    teachers = [
        cost for name, cost in each.items() if name.startswith(TEACHER) and cost is not None
    ]
    student, price = each.get(STUDENT), rates.price(STUDENT)
    if not teachers or rates.price(TEACHER).currency != price.currency:
        return None
    own = student or 0.0
    labels = (each.get(TEACHER) or 0.0) * found["teacher"].get("requests", 0)
    training = (rates.training or 0.0) * price.hour / HOUR
    told = (
        f"Distilling cost {money(labels + training, price)}: {money(labels, price)} for the "
        f"teacher's labels, {money(training, price)} for training"
    )
    if student is None or not price.hour:
        told += " (`price.hour` of the student's entry says what an hour of its machine costs)"
    saved = min(teachers) - own
    if saved <= 0:
        return f"{told}. The student's answers cost no less than the teacher's."
    answers = (labels + training) / saved
    return f"{told}. It has paid for itself after {answers:,.0f} answers."


def _named(name: str) -> str:
    if name == TEACHER:
        return LABELS
    return zero_shot_of(name) or NAMES.get(name, "Student")
