"""What the candidates reply to validation rows: asked through the store, parsed, scored."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any, NamedTuple

import pyarrow as pa

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.search import Candidate
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.joins import by_id
from stillhouse.core.tables import PROMPTS, Row
from stillhouse.kinds.measures import Measure, measure_of
from stillhouse.parse.form import Form, reply_form
from stillhouse.parse.parse import parse_row
from stillhouse.parse.usable import USABLE
from stillhouse.prompt.render import render_rows
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.plan import completion_keys
from stillhouse.teacher_generate.spending import Ledger
from stillhouse.teacher_generate.structured import enforced

PURPOSE = "search"
"""In the run log."""
Asked = tuple[bytes, int | None]
"""A request by its key. A completion that was cut serves no other limit, so that one is a part."""


class Reply(NamedTuple):
    """What came back for one row, the mean of its samples. No label to be read has the lowest
    score.
    """

    score: float
    usable: float
    prompt_tokens: float | None
    completion_tokens: float | None


@dataclass(frozen=True)
class Replies:
    """What one candidate replied, by row, and the requests that this took."""

    rows: Mapping[str, Reply]
    asked: frozenset[Asked]
    completions: int


class Batch(NamedTuple):
    """Candidates with one decoding: what they ask, under ids of `PROMPT/ROW`."""

    candidates: Sequence[Candidate]
    teacher: TeacherConf
    prompts: pa.Table


@dataclass(frozen=True)
class Asking:
    """All that the replies of candidates depend on."""

    dataset: DatasetConf
    teacher: TeacherConf
    prompts: Mapping[str, PromptConf]
    """By name, those that are tried."""
    examples: Sequence[Row]
    exemplars: Sequence[Row]
    store: Store | None = None
    ledger: Ledger | None = None
    """Its budget is for all candidates together."""

    @cached_property
    def known(self) -> Mapping[str, Mapping[str, Any]]:
        """The examples by id."""
        return by_id(self.examples, "examples")

    @property
    def measure(self) -> Measure:
        """What a reply is judged by."""
        return measure_of(self.dataset.answer.metric)

    def batches(self, candidates: Sequence[Candidate], ids: Sequence[str]) -> Iterator[Batch]:
        """What is asked of the rows `ids`. A model is opened once for each decoding; the lowest
        `max_tokens` goes first, since what ended below it serves the others.
        """
        apart: dict[str, tuple[TeacherConf, list[Candidate]]] = {}
        for candidate in candidates:
            conf = self.teacher.model_copy(update={"decoding": candidate.decoding})
            conf = enforced(conf, self.prompts[candidate.prompt].reply.of(self.dataset.task))
            apart.setdefault(conf.decoding.model_dump_json(), (conf, []))[1].append(candidate)
        names = dict.fromkeys(candidate.prompt for candidate in candidates)
        rendered = {name: self._rendered(name, ids) for name in names}
        for conf, alike in sorted(apart.values(), key=lambda each: each[0].decoding.max_tokens):
            rows = [
                {"id": _place(candidate, row["id"]), "messages": row["messages"]}
                for candidate in alike
                for row in rendered[candidate.prompt]
            ]
            yield Batch(alike, conf, pa.Table.from_pylist(rows, PROMPTS.schema))

    def _rendered(self, name: str, ids: Sequence[str]) -> list[Row]:
        # The label is no part of what is asked.
        asked = [{**self.known[id_], "label": None} for id_ in ids]
        return render_rows(
            self.prompts[name],
            self.dataset.task,
            self.dataset.answer,
            asked,
            examples=self.examples,
            exemplars=self.exemplars,
        )

    def replies(self, candidates: Sequence[Candidate], ids: Sequence[str]) -> dict[str, Replies]:
        """What each candidate replies to the rows `ids`, by the candidate's name.

        Raises StillhouseError as `generate` does, with all that came in the store. A row whose
        request failed, as far as the teacher's `allow_failures` lets it, is left out.
        """
        found: dict[str, Replies] = {}
        for batch in self.batches(candidates, ids):
            samples: dict[str, list[Row]] = defaultdict(list)
            generated = generate(batch.prompts, batch.teacher, self.store, self.ledger, PURPOSE)
            for row in generated.completions.to_pylist():
                samples[row["id"]].append(row)
            keys = _keys(batch)
            for candidate in batch.candidates:
                form = reply_form(self.prompts[candidate.prompt], self.dataset)
                asked = {id_: samples[_place(candidate, id_)] for id_ in ids}
                found[candidate.name] = Replies(
                    {id_: self._reply(form, id_, rows) for id_, rows in asked.items() if rows},
                    frozenset(
                        _asked(keys, row, batch.teacher) for rows in asked.values() for row in rows
                    ),
                    sum(map(len, asked.values())),
                )
        return found

    def _reply(self, form: Form, id_: str, completions: Sequence[Row]) -> Reply:
        example = self.known[id_]
        kind, lowest = form.kind(example["choices"]), self.measure.scale.low
        parsed = [parse_row(row, example["choices"], form) for row in completions]
        labels = [row["label"] for row in parsed]
        return Reply(
            fmean(lowest if said is None else kind.score_row(said, example) for said in labels),
            fmean(row["status"] in USABLE for row in parsed),
            mean_known(row["prompt_tokens"] for row in completions),
            mean_known(row["completion_tokens"] for row in completions),
        )


def mean_known(counts: Iterable[float | None]) -> float | None:
    """The mean of the counts that somebody gave; None where nobody did."""
    known = [count for count in counts if count is not None]
    return fmean(known) if known else None


def _place(candidate: Candidate, id_: str) -> str:
    return f"{candidate.prompt}/{id_}"


def _keys(batch: Batch) -> dict[tuple[str, int], bytes]:
    samples = range(batch.teacher.decoding.samples)
    ids: list[Any] = batch.prompts["id"].to_pylist()
    places = [(id_, sample) for id_ in ids for sample in samples]
    keys: list[Any] = completion_keys(batch.prompts, batch.teacher).to_pylist()
    return dict(zip(places, keys, strict=True))


def _asked(keys: Mapping[tuple[str, int], bytes], row: Row, teacher: TeacherConf) -> Asked:
    cut = row["finish_reason"] == "length"
    return keys[row["id"], row["sample"]], teacher.decoding.max_tokens if cut else None
