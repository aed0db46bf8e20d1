"""Seed queries, and asking the teacher for queries like them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhouse.config.augment import AugmentConf, QueryPrompt
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.messages import messages_from
from stillhouse.core.sampling import shuffled
from stillhouse.core.tables import PROMPTS
from stillhouse.feedback_split.difficulty import Difficulty
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.spending import Ledger

SEEDS = "augment"
"""Seeds the order of the seed queries. Fixed: more queries begin with those of fewer."""


@dataclass(frozen=True)
class SeedQuery:
    """A query that new ones are made from; `origin` is the training row that it goes back to."""

    id: str
    text: str
    choices: tuple[str, ...]
    origin: str
    difficulty: Difficulty


@dataclass(frozen=True)
class QueryRequest:
    """A request for a new query: number `sample` of those for one seed query."""

    seed: SeedQuery
    sample: int


@dataclass(frozen=True)
class WrittenQuery:
    """A query as the teacher wrote it, stripped."""

    text: str
    finish_reason: str


def query_requests(
    seeds: Iterable[SeedQuery], queries_per_seed: int, tried: Mapping[SeedQuery, int]
) -> list[QueryRequest]:
    """Every seed once, in an order that depends on ids alone, then every seed again; without those
    requests of a seed that were `tried` in earlier rounds.
    """
    by_id = {seed.id: seed for seed in seeds}
    order = [by_id[id_] for id_ in shuffled(by_id, SEEDS)]
    return [
        QueryRequest(seed, sample)
        for sample in range(queries_per_seed)
        for seed in order
        if sample >= tried.get(seed, 0)
    ]


def ask_queries(
    wanted: Sequence[QueryRequest],
    conf: AugmentConf,
    teacher: TeacherConf,
    dataset: DatasetConf,
    *,
    store: Store | None = None,
    ledger: Ledger | None = None,
) -> list[WrittenQuery | None]:
    """What was written for each request, in order; None where the teacher gave no completion."""
    # Samples below the wanted ones are in the store: they were asked for in earlier waves.
    last = {request.seed: request.sample for request in sorted(wanted, key=lambda r: r.sample)}
    by_sample: dict[int, list[SeedQuery]] = defaultdict(list)
    for seed, sample in last.items():
        by_sample[sample].append(seed)
    written: dict[tuple[str, int], WrittenQuery] = {}
    for sample, seeds in by_sample.items():
        decoding = conf.decoding.model_copy(update={"samples": sample + 1})
        asked = teacher.model_copy(update={"decoding": decoding})
        table = query_prompts(seeds, conf, dataset)
        for row in generate(table, asked, store, ledger).completions.to_pylist():
            written[row["id"], row["sample"]] = WrittenQuery(
                row["text"].strip(), row["finish_reason"]
            )
    return [written.get((request.seed.id, request.sample)) for request in wanted]


def query_prompts(seeds: Iterable[SeedQuery], conf: AugmentConf, dataset: DatasetConf) -> pa.Table:
    """What the teacher reads that writes new queries: a table like that of its other prompts."""
    prompts = [{"id": seed.id, "messages": _messages(seed, conf, dataset)} for seed in seeds]
    return pa.Table.from_pylist(prompts, PROMPTS.schema)


def _messages(seed: SeedQuery, conf: AugmentConf, dataset: DatasetConf) -> list[dict[str, str]]:
    prompt: QueryPrompt = getattr(conf.prompts, seed.difficulty)
    values: Mapping[str, Any] = {
        "query": seed.text,
        "choices": seed.choices,
        "task": dataset.task,
        "metric": dataset.answer.metric,
    }
    where = f"augment, prompts.{seed.difficulty}, row {seed.id!r}"
    return messages_from(prompt.system, prompt.prompt, values, where)
