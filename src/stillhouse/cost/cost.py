"""What the teacher, the judge and the augmentation will be asked, from the tables at hand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

import pyarrow as pa

from stillhouse.augment.queries import SeedQuery, query_prompts
from stillhouse.config.augment import AugmentConf
from stillhouse.config.compute import Budget, OpenAICompute
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.judge import JudgeConf, judging_model
from stillhouse.config.knobs import Knobs
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import Asked, ServedModel, StudentConf, served_teacher
from stillhouse.config.teacher import Price, TeacherConf
from stillhouse.core import paths
from stillhouse.core.conversation import read_query
from stillhouse.core.files import read_json
from stillhouse.core.sampling import share_size
from stillhouse.core.tables import EXAMPLES, FEEDBACK_PREDICTIONS, PARSED, PROMPTS, Row
from stillhouse.cost.measured import (
    UNKNOWN,
    Rate,
    completion_tokens,
    guessed_tokens,
    prompt_sizes,
    prompt_tokens,
)
from stillhouse.evaluate.evaluate import VALIDATION
from stillhouse.feedback_judge.ask import judge_prompts
from stillhouse.feedback_judge.judging import JudgedRow, cases_of, rows_to_judge, to_ask
from stillhouse.rate.rate import cases_of as cases_of_replies
from stillhouse.store.store import Store
from stillhouse.students.served import served_prompts
from stillhouse.teacher_generate.plan import Plan, make_plan
from stillhouse.teacher_generate.registry import backend
from stillhouse.teacher_generate.rollout import next_turns, so_far
from stillhouse.teacher_generate.spending import Tokens
from stillhouse.teacher_generate.structured import enforced

LOOKED_AT = 200
"""Rows whose prompts are rendered to judge the size of prompts that nobody can know yet."""


@dataclass(frozen=True)
class Chosen:
    """The knobs and entries that say who is asked."""

    knobs: Knobs
    dataset: DatasetConf
    prompt: PromptConf
    teacher: TeacherConf
    judge: JudgeConf
    augment: AugmentConf
    student: StudentConf


@dataclass(frozen=True)
class Split:
    """The prompts of one split: rows; distinct requests, of which the store has some."""

    rows: int = 0
    requests: int = 0
    stored: int = 0


@dataclass(frozen=True)
class Cost:
    """What one model is asked for. `exact`: these requests; else at least `least` and at most
    `requests`, since which ones depends on what is not known yet.

    Tokens are those of all that may be asked; `completion` is None where nobody knows the lengths.
    """

    what: str
    model: str
    requests: int
    stored: int
    exact: bool
    least: int
    prompt: int
    completion: int | None
    completion_most: int
    basis: str
    price: Price
    expected_requests: int | None = None
    splits: Mapping[str, Split] = field(default_factory=dict)
    budget: Budget | None = None
    recorded: bool = False
    """Outputs on file are read, and nobody is asked."""

    @property
    def to_ask(self) -> int:
        """The requests that are sent, at most."""
        return 0 if self.recorded else self.requests - self.stored

    @property
    def most(self) -> Tokens:
        """If every request is sent, and every completion is as long as it may be."""
        return Tokens(self.prompt, self.completion_most)

    @property
    def expected(self) -> Tokens | None:
        """Of as much as is probably asked, at the lengths that are known; None without either."""
        if self.completion is None or not (self.exact or self.expected_requests):
            return None
        share = (self.expected_requests or self.to_ask) / max(1, self.to_ask)
        return Tokens(round(share * self.prompt), round(share * self.completion))


def costs(chosen: Chosen, store: Store, *, judged_is_current: bool) -> list[Cost]:
    """What each model is asked for; models that are not asked are left out.

    `judged_is_current`: the tables that the judge is asked about are those of the next run, so that
    its prompts are known.
    """
    examples, prompts = EXAMPLES.read_rows(), PROMPTS.read()
    knobs = chosen.knobs
    if chosen.dataset.is_chat:
        return [_conversations(chosen, prompts, store), _ratings(chosen, prompts, examples)]
    teacher = _teacher(chosen, prompts, examples, store)
    found = [teacher]
    rows = _trained_on(chosen, examples, prompts)
    if knobs.feedback in ("hard", "mixed"):
        found.append(_judge_of_answers(chosen, rows, examples, store, known=judged_is_current))
    if knobs.synthetic:
        found += _augment(chosen, rows, prompts, teacher)
    return found + _served(chosen, examples, store)


def _served(chosen: Chosen, examples: Sequence[Row], store: Store) -> list[Cost]:
    """What a student that is served is asked: the rows that it is scored on."""
    conf, model, compute = chosen.student, chosen.student.model, chosen.student.compute
    if not isinstance(model, ServedModel) or not isinstance(compute, OpenAICompute):
        return []
    asked = Asked.model_validate(read_json(paths.ASKED))
    rows = [
        row
        for row in examples
        if row["split"] == "test" or (row["split"] == VALIDATION and row["label"] is not None)
    ]
    teacher = served_teacher(model, conf.decoding, compute, conf.price)
    plan = make_plan(served_prompts(rows, asked), teacher, store)
    splits = _by_split(plan, [row["split"] for row in rows])
    # The last run's completions are the teacher's, whose lengths say nothing of these.
    files = {paths.CONF / f"student/{chosen.knobs.student}.yaml": ("model",)}
    length = completion_tokens(plan, teacher, files)
    return [_cost("student", teacher, plan, splits, length)]


def _teacher(chosen: Chosen, prompts: pa.Table, examples: Sequence[Row], store: Store) -> Cost:
    conf = enforced(chosen.teacher, chosen.prompt.reply.of(chosen.dataset.task))
    split_of = {row["id"]: row["split"] for row in examples}
    splits = [split_of.get(id_, "?") for id_ in prompts["id"].to_pylist()]
    if not backend(conf.compute.backend).stored:
        free = _at_most("teacher", conf, _Count(0, 0), 0, Rate(0, "read from files"))
        return replace(free, requests=prompts.num_rows, recorded=True)
    plan = make_plan(prompts, conf, store)
    files = {
        paths.CONF / f"teacher/{chosen.knobs.teacher}.yaml": ("model", "format", "decoding"),
        paths.CONF / f"prompt/{chosen.knobs.prompt}.yaml": ("reply",),
    }
    length = completion_tokens(plan, conf, files)
    return _cost("teacher", conf, plan, _by_split(plan, splits), length)


def _conversations(chosen: Chosen, prompts: pa.Table, store: Store) -> Cost:
    """The turns that the store lacks: those after one that ends its conversation are not asked."""
    reply = chosen.prompt.reply.of(chosen.dataset.task)
    conf = enforced(chosen.teacher, reply)
    rollouts = [each for each in so_far(prompts, conf, reply, store) if not each.ended]
    left = sum(len(each.asked.turns) - len(each.completions) for each in rollouts)
    size = _mean_size(next_turns({str(n): each for n, each in enumerate(rollouts)}))
    how = Rate(None, "every turn is asked on the replies before it, which its prompt holds, too")
    return _at_most("teacher", conf, _Count(len(rollouts), left), size, how)


def _ratings(chosen: Chosen, prompts: pa.Table, examples: Sequence[Row]) -> Cost:
    """One verdict for each reply of the untrained student, of each seed, perhaps of the teacher."""
    tested = {row["id"]: row["query"] for row in examples if row["split"] == "test"}
    asked = tested.keys() & set(prompts["id"].to_pylist())
    turns = {id_: len(read_query(query).turns) for id_, query in tested.items()}
    students = (1 + len(chosen.knobs.seeds)) * sum(turns.values())
    most = students + sum(turns[id_] for id_ in asked)
    supposed = [
        case
        for id_, query in list(tested.items())[:LOOKED_AT]
        for case in cases_of_replies("", id_, query, ["-"] * turns[id_])
    ]
    model = judging_model(chosen.judge, chosen.teacher)
    size = _mean_size(judge_prompts(supposed, chosen.judge))
    how = Rate(None, "one verdict for each reply to a test conversation; equal ones are one")
    return _at_most("ratings", model, _Count(0, most), size, how)


def _by_split(plan: Plan, splits: Sequence[str]) -> dict[str, Split]:
    """Requests by the split of the first row that they are for."""
    samples, missing = plan.decoding.samples, set(plan.missing.values())
    found = {name: Split(rows) for name, rows in sorted(Counter(splits).items())}
    for place, first in enumerate(plan.first_of_each()):
        if first:
            name = splits[place // samples]
            each = found[name]
            stored = each.stored + (place not in missing)
            found[name] = Split(each.rows, each.requests + 1, stored)
    return found


def _cost(
    what: str, conf: TeacherConf, plan: Plan, splits: Mapping[str, Split], length: Rate
) -> Cost:
    """The cost of a plan, whose requests are all known."""
    asked = len(plan.missing)
    size = prompt_tokens(plan)
    requests = sum(split.requests for split in splits.values())
    return Cost(
        what,
        conf.model.name,
        requests=requests,
        stored=sum(split.stored for split in splits.values()),
        exact=True,
        least=asked,
        prompt=round(asked * (size.mean or 0)),
        completion=None if length.mean is None else round(asked * length.mean),
        completion_most=asked * conf.decoding.max_tokens,
        basis=f"prompts {size.source}; completions {length.source}"
        if length.mean is not None
        else f"prompts {size.source}; {length.source}",
        price=conf.price,
        budget=conf.compute.budget,
        splits=splits,
    )


def _trained_on(chosen: Chosen, examples: Sequence[Row], prompts: pa.Table) -> list[Row]:
    """Rows that the student may train on: as many as `fraction` takes."""
    asked = set(prompts["id"].to_pylist())
    teacher = chosen.knobs.label_source == "teacher"
    rows = [
        row
        for row in examples
        if row["split"] == "train"
        or (teacher and row["split"] == "unlabelled" and row["id"] in asked)
    ]
    return rows[: share_size(len(rows), chosen.knobs.fraction)]


def _judge_of_answers(
    chosen: Chosen, rows: Sequence[Row], examples: Sequence[Row], store: Store, *, known: bool
) -> Cost:
    judge, model = chosen.judge, judging_model(chosen.judge, chosen.teacher)
    if known and PARSED.path.exists() and FEEDBACK_PREDICTIONS.path.exists():
        tables = PARSED.read_rows(), FEEDBACK_PREDICTIONS.read_rows()
        judged = rows_to_judge(examples, *tables)
        _, asked = to_ask(judged, chosen.dataset.answer.metric, judge)
        prompts = judge_prompts([case for _, _, case in asked], judge)
        plan = make_plan(prompts, model, store)
        splits = _by_split(plan, ["verdicts"] * prompts.num_rows)
        return _cost("judge", model, plan, splits, completion_tokens(plan, model, {}))
    how = "two verdicts for each row where teacher and student differ"
    return _verdicts("judge", chosen, rows, len(rows), how)


def _verdicts(what: str, chosen: Chosen, rows: Sequence[Row], count: int, how: str) -> Cost:
    """At most what a judge of answers is asked about `count` rows, of which `rows` are some."""
    judge = chosen.judge
    supposed = [
        case
        for row in rows[:LOOKED_AT]
        for _, case in cases_of(
            JudgedRow(
                row["id"], row["query"], row["choices"], _answer(row), _answer(row), _answer(row)
            ),
            judge,
        )
    ]
    each = len(supposed) / max(1, len(rows[:LOOKED_AT]))
    return _at_most(
        what,
        judging_model(judge, chosen.teacher),
        _Count(0, round(each * count)),
        _mean_size(judge_prompts(supposed, judge)),
        Rate(None, how),
    )


def _answer(row: Row) -> str:
    return str(row["label"] or (row["choices"][0] if row["choices"] else ""))


def _augment(chosen: Chosen, rows: Sequence[Row], prompts: pa.Table, teacher: Cost) -> list[Cost]:
    """New queries, their labels, and verdicts on these."""
    knobs, conf = chosen.knobs, chosen.augment
    decoding = conf.decoding
    writer = chosen.teacher.model_copy(update={"decoding": decoding})
    later = (conf.rounds - 1) * ceil(knobs.synthetic / conf.rounds)
    most = (len(rows) + later) * conf.queries_per_seed
    kept = _share_kept()
    expected = None if kept is None else min(most, ceil(knobs.synthetic / kept))
    count = _Count(min(knobs.synthetic, most), most, expected)
    how = "how many are kept is not known yet" if kept is None else f"as {kept:.0%} were kept"
    seeds = [
        SeedQuery(row["id"], row["query"], tuple(row["choices"]), row["id"], "hard")
        for row in rows[:LOOKED_AT]
    ]
    size = _mean_size(query_prompts(seeds, conf, chosen.dataset))
    samples = conf.verify.samples
    found = [
        _at_most("new queries", writer, count, size, Rate(None, how)),
        _at_most(
            "labels of new queries",
            chosen.teacher,
            count.times(samples),
            _mean_size(prompts),
            Rate(completion_rate(teacher), how),
        ),
    ]
    if conf.verify.min_score is not None:
        judging = judging_model(chosen.judge, chosen.teacher)
        found.append(_at_most("verdicts on new queries", judging, count, size, UNKNOWN))
    if conf.rounds > 1 and knobs.feedback in ("hard", "mixed"):
        judged = sum(
            len(rows) + ceil(number * knobs.synthetic / conf.rounds)
            for number in range(1, conf.rounds)
        )
        how = "all rows there are, between any two rounds, where the trained student differs"
        found.append(_verdicts("judge between rounds", chosen, rows, judged, how))
    return found


def completion_rate(cost: Cost) -> float | None:
    """The mean tokens of a completion that a cost was reckoned with."""
    return cost.completion / cost.to_ask if cost.completion and cost.to_ask else None


def _share_kept() -> float | None:
    """Of the queries that the last run asked for, the share that became rows."""
    if not Path(paths.AUGMENT_METRICS).exists():
        return None
    metrics = read_json(paths.AUGMENT_METRICS)
    asked, made = metrics.get("asked", 0), metrics.get("synthetic", 0)
    return made / asked if asked and made else None


def _mean_size(prompts: pa.Table) -> float:
    sizes = [guessed_tokens(*size) for size in prompt_sizes(prompts)]
    return sum(sizes) / len(sizes) if sizes else 0.0


@dataclass(frozen=True)
class _Count:
    """How many requests, at least, at most, and probably."""

    least: int
    most: int
    expected: int | None = None

    def times(self, factor: int) -> "_Count":
        expected = None if self.expected is None else self.expected * factor
        return _Count(self.least * factor, self.most * factor, expected)


def _at_most(what: str, conf: TeacherConf, count: _Count, prompt: float, length: Rate) -> Cost:
    """The cost of requests that nobody can know yet."""
    return Cost(
        what,
        conf.model.name,
        requests=count.most,
        stored=0,
        exact=False,
        least=count.least,
        prompt=round(count.most * prompt),
        completion=None if length.mean is None else round(count.most * length.mean),
        completion_most=count.most * conf.decoding.max_tokens,
        basis=length.source,
        price=conf.price,
        budget=conf.compute.budget,
        expected_requests=count.expected,
    )
