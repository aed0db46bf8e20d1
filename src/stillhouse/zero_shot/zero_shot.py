"""Models asked about the test rows as they are; nothing is trained on what they say.

The prompt's reply is parsed as a teacher's is, and a reply that is not understood is a wrong one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhouse.config.dataset import Answer, DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.joins import by_id
from stillhouse.core.tables import PROMPTS, Row
from stillhouse.evaluate.scoring import Metrics, score, split_rows
from stillhouse.kinds.measures import measure_of
from stillhouse.parse.form import reply_form
from stillhouse.parse.parse import parse_row
from stillhouse.prompt.render import render_rows
from stillhouse.statistics.graded import score_interval
from stillhouse.statistics.intervals import as_metrics
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.structured import enforced

USED = ("requests", "prompt_tokens", "completion_tokens")
UNPARSED = ""
"""The prediction of a row whose completion holds no answer: right nowhere."""


@dataclass(frozen=True)
class Asked:
    """A model with the prompt that it is asked with; `name` is that of its rows in the report."""

    name: str
    model: TeacherConf
    prompt: PromptConf


def zero_shot(
    models: Iterable[Asked],
    dataset: DatasetConf,
    examples: Sequence[Row],
    exemplars: Sequence[Row],
    store: Store | None = None,
) -> tuple[list[Row], dict[str, Metrics]]:
    """Rows of table `zero_shot`, and the metrics of each model by its name.

    Beside the measures of any model: the share of rows by `status`, the score over `parsed` rows,
    those whose completion was understood (`accuracy_of_parsed`), and the tokens of all requests.
    """
    table: list[Row] = []
    metrics: dict[str, Metrics] = {}
    for asked in models:
        rows, found = _scored(asked, dataset, examples, exemplars, store)
        table += [{"model": asked.name, **row} for row in rows]
        metrics[asked.name] = found
    return table, metrics


def _scored(
    asked: Asked,
    dataset: DatasetConf,
    examples: Sequence[Row],
    exemplars: Sequence[Row],
    store: Store | None,
) -> tuple[list[Row], Metrics]:
    test = split_rows(examples, "test", dataset.answer.metric)
    prompts = render_rows(
        asked.prompt, dataset.task, dataset.answer, test, examples=examples, exemplars=exemplars
    )
    model = _once(enforced(asked.model, asked.prompt.reply.of(dataset.task)))
    table = pa.Table.from_pylist(prompts, PROMPTS.schema)
    generated = generate(table, model, store, purpose=asked.name)
    form, known = reply_form(asked.prompt, dataset), by_id(test, "examples")
    completions = generated.completions.to_pylist()
    parsed = [parse_row(row, known[row["id"]]["choices"], form) for row in completions]
    labels = {row["id"]: row["label"] for row in parsed}
    predictions = {row["id"]: labels.get(row["id"]) or UNPARSED for row in test}
    rows, metrics = score(predictions, test, dataset.answer)
    statuses = Counter(row["status"] for row in parsed)
    metrics["status"] = {name: statuses[name] / len(test) for name in sorted(statuses)}
    used = {name: generated.metrics[name] for name in USED if name in generated.metrics}
    return rows, metrics | _of_parsed(rows, labels, known, dataset.answer) | used


def _once(model: TeacherConf) -> TeacherConf:
    """The model asked for one completion of each prompt, the first of those that it would give."""
    decoding = model.decoding.model_copy(update={"samples": 1})
    return model.model_copy(update={"decoding": decoding})


def _of_parsed(
    rows: Iterable[Row],
    labels: Mapping[str, str | None],
    known: Mapping[str, Mapping[str, Any]],
    answer: Answer,
) -> Metrics:
    """The score over the rows that have an answer, as some published tables count it."""
    answered = [row for row in rows if labels.get(row["id"]) is not None]
    if not answered:
        return {"parsed": 0}
    measure, groups = measure_of(answer.metric), [known[row["id"]]["group"] for row in answered]
    interval = score_interval([row["score"] for row in answered], measure.scale, groups)
    return {"parsed": len(answered)} | as_metrics(f"{measure.name}_of_parsed", interval)
