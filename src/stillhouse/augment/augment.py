"""The training table: the dataset's rows, and new ones made from those that the student needs."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any

from stillhouse.augment.config import AugmentConfig
from stillhouse.augment.filters import Kept, Reason, choices_in, form_problem
from stillhouse.augment.labels import Label, Labelling, New, Query
from stillhouse.augment.queries import (
    QueryRequest,
    SeedQuery,
    WrittenQuery,
    ask_queries,
    query_requests,
)
from stillhouse.augment.rounds import Rounds
from stillhouse.config.augment import AugmentConf
from stillhouse.config.judge import judging_model
from stillhouse.config.knobs import Feedback
from stillhouse.config.student import TrainedConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id
from stillhouse.core.progress import announce
from stillhouse.core.same_query import query_key
from stillhouse.core.tables import Row
from stillhouse.feedback_split.difficulty import Difficulty
from stillhouse.store.store import Store
from stillhouse.teacher_generate.spending import Ledger

REAL, SYNTHETIC = "real", "synthetic"
HELD_OUT = ("test", "validation")
LEAST_RATE = 0.05
"""Below this share of accepted queries the next wave asks for no more at once."""
GROWTH = 2
"""A wave is at most so many times as large as the one before, however few were kept."""


def training_rows(
    chosen: Sequence[Row],
    examples: Sequence[Row],
    exemplars: Sequence[Row],
    config: AugmentConfig,
    store: Store | None = None,
    *,
    parsed: Iterable[Row] = (),
    student: TrainedConf | None = None,
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of table `training`, and the content of metrics/augment.json.

    New queries start from the hard rows of `chosen`, with `feedback: mixed` from easy ones, too,
    and without feedback from all. Their labels, and rationales unless `rationale_source` is `none`,
    are the teacher's. Fewer than `synthetic` are reported, none is an error. With feedback the
    `student` is trained again between rounds; `parsed` has the teacher's labels of the rows.
    """
    if not config.real and not config.synthetic:
        raise StillhouseError(
            "`real` is false and `synthetic` is 0 in params.yaml: there is nothing to train on. "
            "Set `synthetic`, or `real: true`."
        )
    columns = ("id", "query", "label", "rationale")
    taken = chosen if config.real else []
    real = [{c: row[c] for c in columns} | {"origin": REAL} for row in taken]
    if not config.synthetic:
        return real, {"real": len(real), "synthetic": 0}
    _require_askable(config)
    held_out = [row["query"] for row in examples if row["split"] in HELD_OUT]
    kept = Kept(config.augment.filters, [row["query"] for row in chosen], held_out)
    labelling, known = _labelling(config, examples, exemplars, store), by_id(examples, "examples")
    growth = Growth(config.augment, labelling, kept)
    rounds = None
    if student is not None and config.augment.rounds > 1:
        labels = {row["id"]: row["label"] for row in parsed if row["sample"] == 0}
        ledger = labelling.judge_ledger
        assert ledger is not None
        rounds = Rounds(config, student, chosen, known, labels, store, ledger)
        _as_seeds(chosen, known, "hard")  # any of them may be one later
    wanted = quotas(config)
    seeds = {each: _seeds(chosen, known, each, config.feedback) for each in wanted}
    for number in range(1, config.augment.rounds + 1):
        found = growth.grow_round(seeds, wanted, number)
        if number == config.augment.rounds:
            break
        if rounds is None:
            seeds = {each: _seeds_of(new, each) for each, new in found.items()}
        else:
            hardness = rounds.difficulties(number + 1, growth.accepted)
            seeds = {
                each: _as_seeds([r for r in chosen if hardness.get(r["id"]) == each], known, each)
                + _seeds_of([n for n in growth.accepted if hardness.get(n.query.id) == each], each)
                for each in wanted
            }
    explained = config.rationale_source != "none"
    made = [
        {
            "id": new.query.id,
            "query": new.query.text,
            "label": new.label.text,
            "rationale": new.label.rationale if explained else None,
            "origin": SYNTHETIC,
        }
        for new in growth.accepted
    ]
    metrics = {"real": len(real), "synthetic": len(made)} | growth.metrics(config.synthetic)
    if rounds is not None:
        metrics["rounds"] = rounds.counts
    _report(config.synthetic, metrics)
    return real + made, metrics


def quotas(config: AugmentConfig) -> dict[Difficulty, int]:
    """How many new queries start from hard and from easy rows."""
    if config.feedback != "mixed":
        return {"hard": config.synthetic}
    hard = floor(config.synthetic * config.hard_share + 0.5)
    shares: dict[Difficulty, int] = {"hard": hard, "easy": config.synthetic - hard}
    return {difficulty: quota for difficulty, quota in shares.items() if quota}


@dataclass
class Growth:
    """Asks for queries, filters and labels them until a quota is met; what comes of it does not
    depend on how many are asked for at once.

    What a query is compared with are the queries kept before it, labelled or not. So each
    decision follows from the requests before it, and a larger quota repeats those of a smaller one.
    """

    conf: AugmentConf
    labelling: Labelling
    kept: Kept
    accepted: list[New] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    tried: int = 0
    made: Counter[Difficulty] = field(default_factory=Counter)
    """Accepted queries by the difficulty that their seeds had."""
    requested: dict[SeedQuery, int] = field(default_factory=dict)
    """How many queries of a seed were tried."""

    def grow_round(
        self,
        seeds: Mapping[Difficulty, Sequence[SeedQuery]],
        quotas: Mapping[Difficulty, int],
        number: int,
    ) -> dict[Difficulty, list[New]]:
        """The queries of round `number`, from 1 on: equal shares of the quotas, and what is missing
        of the rounds before.
        """
        rounds, found = self.conf.rounds, {}
        for difficulty, quota in quotas.items():
            due = number * (quota // rounds) + min(number, quota % rounds)
            missing = due - self.made[difficulty]
            found[difficulty] = self.grow(seeds[difficulty], missing)
            self.made[difficulty] += len(found[difficulty])
        return found

    def grow(self, seeds: Sequence[SeedQuery], quota: int) -> list[New]:
        """The first `quota` queries that are kept and labelled, or as many as there are."""
        order = query_requests(seeds, self.conf.queries_per_seed, self.requested)
        found: list[New] = []
        start, before = 0, 0
        while len(found) < quota and start < len(order):
            size = wave_size(quota - len(found), start, len(found), before)
            wave = order[start : start + size]
            found += self._take(wave, quota - len(found))
            start += len(wave)
            before = len(wave)
        self.accepted += found
        return found

    def _take(self, wave: Sequence[QueryRequest], quota: int) -> list[New]:
        """Ask a wave, and go through it until the quota is met; what is behind never happened."""
        labelling = self.labelling
        written = ask_queries(
            wave,
            self.conf,
            labelling.teacher,
            labelling.dataset,
            store=labelling.store,
            ledger=labelling.ledger,
        )
        decided = [self._decide(*pair) for pair in zip(wave, written, strict=True)]
        queries = [decision for decision in decided if isinstance(decision, Query)]
        labels = dict(zip(queries, labelling.labels(queries), strict=True))
        found: list[New] = []
        for place, decision in enumerate(decided):
            label = labels[decision] if isinstance(decision, Query) else decision
            if isinstance(label, Label):
                assert isinstance(decision, Query)
                found.append(New(wave[place].seed, decision, label))
            else:
                self.left_out[label] += 1
            self.tried += 1
            self.requested[wave[place].seed] = wave[place].sample + 1
            if len(found) == quota:
                self.kept.drop(sum(isinstance(d, Query) for d in decided[place + 1 :]))
                break
        return found

    def _decide(self, request: QueryRequest, written: WrittenQuery | None) -> Query | Reason:
        if written is None:
            return "no_completion"
        text, seed = written.text, request.seed
        problem = form_problem(text, written.finish_reason, self.conf.filters)
        choices = choices_like(seed, text)
        if problem is None and choices is None:
            problem = "choices"
        problem = problem or self.kept.problem(text)
        if problem is not None:
            return problem
        assert choices is not None
        self.kept.keep(text)
        return Query(content_id(text), text, choices, seed.origin)

    def metrics(self, wanted: int) -> dict[str, Any]:
        """What became of the queries; nothing here depends on what was asked before."""
        return {
            "asked": self.tried,
            "shortfall": wanted - len(self.accepted),
            "left_out": dict(sorted(self.left_out.items())),
        }


def wave_size(missing: int, tried: int, found: int, before: int) -> int:
    """How many queries to ask at once, by the share that was accepted so far.

    A wave of which nothing was kept says that something is wrong, not that many more are needed.
    """
    if not tried:
        return missing
    return min(ceil(missing / max(found / tried, LEAST_RATE)), GROWTH * before)


def content_id(query: str) -> str:
    """A new row's id: a function of what it asks."""
    return f"{SYNTHETIC}-{hashlib.sha256(query_key(query).encode()).hexdigest()[:16]}"


def choices_like(seed: SeedQuery, query: str) -> tuple[str, ...] | None:
    """The choices of a query made from a seed: its own where the seed lists its in the query,
    else the seed's; None when it lists too few, too many, or one twice.
    """
    if not _lists_choices(seed):
        return seed.choices
    found = choices_in(query)
    fine = len(set(found)) == len(found) == len(seed.choices)
    return tuple(found) if fine else None


def _lists_choices(seed: SeedQuery) -> bool:
    return bool(seed.choices) and choices_in(seed.text) == list(seed.choices)


def _seeds(
    chosen: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    difficulty: Difficulty,
    feedback: Feedback,
) -> list[SeedQuery]:
    rows = [row for row in chosen if feedback == "none" or row["difficulty"] == difficulty]
    if not rows:
        raise StillhouseError(
            f"None of the {len(chosen)} chosen rows is {difficulty} for the student "
            "(metrics/chosen.json counts them), so there is nothing to start new queries from. "
            "Set another `tau`, `feedback` or `feedback_student`, or `synthetic: 0`."
        )
    return _as_seeds(rows, examples, difficulty)


def _as_seeds(
    rows: Iterable[Row], examples: Mapping[str, Mapping[str, Any]], difficulty: Difficulty
) -> list[SeedQuery]:
    """Rows of the dataset as seeds, whose choices can be read from new queries, too."""
    seeds = [
        SeedQuery(
            row["id"], row["query"], tuple(examples[row["id"]]["choices"]), row["id"], difficulty
        )
        for row in rows
    ]
    shared = len({seed.choices for seed in seeds}) == 1
    unclear = next((seed for seed in seeds if not shared and not _lists_choices(seed)), None)
    if unclear is not None:
        raise StillhouseError(
            f"Row {unclear.id!r} has choices of its own that its query does not list as "
            "`(a) ...`, `(b) ...`, so the choices of a new query could not be read. List them "
            "in the dataset's `fields.query`, or use `synthetic: 0`."
        )
    return seeds


def _seeds_of(made: Iterable[New], difficulty: Difficulty) -> list[SeedQuery]:
    """New queries as seeds; they go back to the row that their seed went back to."""
    return [SeedQuery(**vars(new.query), difficulty=difficulty) for new in made]


def _labelling(
    config: AugmentConfig,
    examples: Sequence[Row],
    exemplars: Iterable[Row],
    store: Store | None,
) -> Labelling:
    by_row = defaultdict(list)
    for row in exemplars:
        by_row[row["id"]].append(row)
    ledger = judge_ledger = Ledger(config.teacher.price, config.teacher.compute.budget)
    if config.judge.teacher is not None or config.judge.compute is not None:
        # Else the teacher itself judges, by its own `compute`: that budget is one.
        model = judging_model(config.judge, config.teacher)
        judge_ledger = Ledger(model.price, model.compute.budget)
    return Labelling(
        config.dataset,
        config.prompt,
        config.teacher,
        config.judge,
        config.augment.verify,
        examples=examples,
        exemplars=by_row,
        store=store,
        ledger=ledger,
        judge_ledger=judge_ledger,
    )


def _require_askable(config: AugmentConfig) -> None:
    if config.prompt.reply.content == "rationale":
        raise StillhouseError(
            "The prompt explains a label that is given (`reply: rationale`), and a new query "
            "has none. For `synthetic` above 0 choose a `prompt` whose reply holds a label, such "
            "as `clean`."
        )
    form, least = config.judge.form, config.augment.verify.min_score
    if least is not None and form not in ("answer", "query"):
        raise StillhouseError(
            "`verify.min_score` wants a judge that scores one answer (form `answer`) or query "
            f"(form `query`), and `judge` names one of the form `{form}`. Set `judge: hhh`, or "
            "`verify.min_score: null`."
        )


def _report(wanted: int, metrics: Mapping[str, Any]) -> None:
    made = metrics["synthetic"]
    if made == wanted:
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in metrics["left_out"].items())
    message = (
        f"{made} of {wanted} synthetic rows could be made from {metrics['asked']} queries "
        f"({reasons}). Raise `queries_per_seed` in conf/augment, loosen its filters, or start "
        "from more rows."
    )
    if not made:
        raise StillhouseError(message)
    announce(f"warning: {message}")
