"""Ray without a model: rows through scripted teachers in worker processes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.config.compute import RayCompute
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.messages import Message
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.backends.ray import BLOCK, Process, RayTeacher, Row
from stillhouse.teacher_generate.backends.scripted import ScriptedTeacher
from stillhouse.teacher_generate.protocol import Outcome, Request


def open_teacher(conf: TeacherConf) -> RayTeacher:
    """A teacher of a cluster that is there already."""
    return RayTeacher(ScriptedRows(conf), scripted_process(conf), started=False)  # type: ignore[arg-type]


class ScriptedRows:
    """Requests as rows for `ScriptedWorker`."""

    def __init__(self, conf: TeacherConf) -> None:
        self._teacher = ScriptedTeacher(conf)

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Words of each prompt."""
        return self._teacher.prompt_tokens(requests)

    def rows(self, requests: Sequence[Request]) -> tuple[list[Row], list[Outcome]]:
        """One row for each request."""
        rows = [
            {
                "id": request.id,
                "sample": request.sample,
                "prompt": json.dumps(request.messages),
                "seed": -1 if request.seed is None else request.seed,
            }
            for request in requests
        ]
        return rows, []


def scripted_process(conf: TeacherConf) -> Process:
    """Rows through scripted teachers in `compute.workers` processes: all but the model."""
    import ray

    assert isinstance(conf.compute, RayCompute)
    pool = ray.data.ActorPoolStrategy(size=conf.compute.workers)
    arguments = (conf.model_dump_json(),)

    def process(dataset: Any) -> Any:
        return dataset.map_batches(
            ScriptedWorker,
            fn_constructor_args=arguments,
            batch_size=BLOCK,
            compute=pool,
        )

    return process


class ScriptedWorker:
    """A scripted teacher in a worker process; takes and returns columns."""

    def __init__(self, conf: str) -> None:
        self._teacher = ScriptedTeacher(TeacherConf.model_validate_json(conf))

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Complete the rows of one block."""
        requests = [
            Request(str(id_), int(sample), _messages(str(prompt)), int(seed) if seed >= 0 else None)
            for id_, sample, prompt, seed in zip(
                batch["id"], batch["sample"], batch["prompt"], batch["seed"], strict=True
            )
        ]
        rows = [
            _as_row(outcome)
            for outcomes in self._teacher.generate(iter(requests))
            for outcome in outcomes
        ]
        return {name: [row[name] for row in rows] for name in rows[0]}


def _messages(text: str) -> tuple[Message, ...]:
    return tuple(Message(*turn) for turn in json.loads(text))


def _as_row(outcome: Outcome) -> Row:
    assert isinstance(outcome.result, Completion)
    return {
        "id": outcome.request.id,
        "sample": outcome.request.sample,
        "text": outcome.result.text,
        "finish_reason": outcome.result.finish_reason,
        "prompt_tokens": outcome.result.prompt_tokens,
        "completion_tokens": outcome.result.completion_tokens,
        "error": "",
    }
