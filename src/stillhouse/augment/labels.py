"""The teacher's labels for new queries: prompted, parsed and stored as those for real ones."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from stillhouse.augment.queries import SeedQuery
from stillhouse.config.augment import Verify
from stillhouse.config.dataset import DatasetConf, Metric
from stillhouse.config.judge import JudgeConf, judging_model
from stillhouse.config.prompt import PromptConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.tables import PROMPTS, Row
from stillhouse.feedback_judge.ask import Case, ask_judge
from stillhouse.kinds.registry import kind_of
from stillhouse.parse.form import reply_form
from stillhouse.parse.parse import parse_row
from stillhouse.prompt.render import render_rows
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.spending import Ledger
from stillhouse.teacher_generate.structured import enforced

Doubt = Literal["no_label", "disagreement", "no_verdict", "low_score"]
"""Why a label is not believed."""


@dataclass(frozen=True)
class Query:
    """A new query; its exemplars are those of the row `origin`."""

    id: str
    text: str
    choices: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Label:
    """The teacher's label for a query, and its rationale if it gave one."""

    text: str
    rationale: str | None


@dataclass(frozen=True)
class New:
    """An accepted query with its seed query and its label."""

    seed: SeedQuery
    query: Query
    label: Label


@dataclass(frozen=True)
class Labelling:
    """All that the labels of new queries depend on."""

    dataset: DatasetConf
    prompt: PromptConf
    teacher: TeacherConf
    judge: JudgeConf
    verify: Verify
    examples: Sequence[Row]
    exemplars: Mapping[str, Sequence[Row]]
    """By row, its exemplars: new queries are shown those of their seed query."""
    store: Store | None = None
    ledger: Ledger | None = None
    """Of the teacher: its budget is for queries and labels of all waves together."""
    judge_ledger: Ledger | None = None

    def labels(self, queries: Sequence[Query]) -> list[Label | Doubt]:
        """A label for each query, in order, or why there is none to be believed."""
        if not queries:
            return []
        parsed = self._parsed(queries)
        metric, verify = self.dataset.answer.metric, self.verify
        found = [agreed(parsed[query.id], metric, query.choices, verify) for query in queries]
        return found if verify.min_score is None else self._judged(queries, found)

    def _parsed(self, queries: Sequence[Query]) -> Mapping[str, list[Row]]:
        """The rows of table `parsed` of each query, by its id: one for each sample."""
        asked: list[Row] = [
            {"id": query.id, "query": query.text, "choices": list(query.choices), "label": None}
            for query in queries
        ]
        rows = [
            row | {"id": query.id}
            for query in queries
            for row in self.exemplars.get(query.origin, ())
        ]
        answer, task = self.dataset.answer, self.dataset.task
        prompts = render_rows(
            self.prompt, task, answer, asked, examples=self.examples, exemplars=rows
        )
        table = pa.Table.from_pylist(prompts, PROMPTS.schema)
        changes: dict[str, Any] = {"samples": self.verify.samples}
        if self.verify.samples > 1:
            changes["temperature"] = self.verify.temperature
        decoding = self.teacher.decoding.model_copy(update=changes)
        teacher = self.teacher.model_copy(update={"decoding": decoding})
        model = enforced(teacher, self.prompt.reply.of(self.dataset.task))
        completions = generate(table, model, self.store, self.ledger).completions
        choices = {query.id: query.choices for query in queries}
        form = reply_form(self.prompt, self.dataset)
        parsed: dict[str, list[Row]] = defaultdict(list)
        for row in completions.to_pylist():
            parsed[row["id"]].append(parse_row(row, choices[row["id"]], form))
        return parsed

    def _judged(
        self, queries: Sequence[Query], found: Sequence[Label | Doubt]
    ) -> list[Label | Doubt]:
        cases = []
        for query, label in zip(queries, found, strict=True):
            if isinstance(label, Label):
                shown: dict[str, Any] = {"query": query.text}
                if self.judge.form != "query":
                    said = "\n".join(filter(None, [label.rationale, label.text]))
                    shown |= {"answer": said, "history": []}
                cases.append(Case(query.id, shown))
        model = judging_model(self.judge, self.teacher)
        verdicts = ask_judge(cases, self.judge, model, self.store, self.judge_ledger)
        least = self.verify.min_score or 0.0
        judged: list[Label | Doubt] = []
        for query, label in zip(queries, found, strict=True):
            verdict = verdicts.get(query.id)
            if isinstance(label, Label) and verdict is None:
                judged.append("no_verdict")
            elif isinstance(label, Label) and verdict is not None and verdict[0] < least:
                judged.append("low_score")
            else:
                judged.append(label)
        return judged


def agreed(
    parsed: Iterable[Row], metric: Metric, choices: Sequence[str], verify: Verify
) -> Label | Doubt:
    """The label of most samples (Wang et al. 2023), if it is that of enough of them.

    Ties go to the label that came first; the rationale is that of its first sample.
    """
    labelled = [
        (kind_of(metric, choices).canonical(row["label"]) or row["label"], row)
        for row in sorted(parsed, key=lambda row: row["sample"])
        if row["label"] is not None
    ]
    if not labelled:
        return "no_label"
    ((best, votes),) = Counter(form for form, _ in labelled).most_common(1)
    if votes < verify.agreement * verify.samples:
        return "disagreement"
    row = next(row for form, row in labelled if form == best)
    return Label(row["label"], row["rationale"])
