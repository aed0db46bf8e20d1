"""What Ray runs for the backend `ray`: rows of requests in, rows of outcomes out."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stillhouse.config.teacher import TeacherConf
from stillhouse.teacher_generate.backends.engine import (
    PromptEncoder,
    engine_options,
    sampling_options,
)
from stillhouse.teacher_generate.backends.scripted import ScriptedTeacher
from stillhouse.teacher_generate.protocol import Completion, Message, Outcome, Request
from stillhouse.teacher_generate.rendering import cut

BLOCK = 64
"""Rows that travel, and are lost with a worker, together."""

Row = dict[str, Any]
Process = Callable[[Any], Any]
"""Ray datasets of rows (id, sample, and what the engine reads) to datasets of outcomes (id, sample,
text, finish_reason, prompt_tokens, completion_tokens, error)."""


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


class EncodedRows:
    """Requests as rows for the vLLM stage, sorted so that shared beginnings meet."""

    def __init__(self, conf: TeacherConf, encoder: PromptEncoder) -> None:
        self._decoding, self._encoder = conf.decoding, encoder

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, template included."""
        return self._encoder.prompt_tokens(requests)

    def rows(self, requests: Sequence[Request]) -> tuple[list[Row], list[Outcome]]:
        """One row for each request, and failures for those that cannot be asked."""
        encoded, failures = self._encoder.in_order(requests)
        keep_stop = {"include_stop_str_in_output": True}
        rows = [
            {
                "id": each.request.id,
                "sample": each.request.sample,
                "opening": self._encoder.opening(each.tokens),
                "tokenized_prompt": each.tokens,
                "sampling_params": sampling_options(self._decoding, each.request.seed) | keep_stop,
            }
            for each in encoded
        ]
        return rows, failures


def vllm_process(conf: TeacherConf, folder: Path, ends: frozenset[int]) -> Process:
    """Rows with `tokenized_prompt` and `sampling_params` through `compute.workers` engines."""
    import ray
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    options = engine_options(conf, folder) | {"disable_log_stats": True}
    source = options.pop("model")
    on_cpu = conf.compute.device == "cpu" or not ray.cluster_resources().get("GPU")
    workers = conf.compute.workers
    config = vLLMEngineProcessorConfig(
        model_source=source,
        engine_kwargs=options,
        batch_size=BLOCK,
        concurrency=(workers, workers),
        accelerator_type=None,
        placement_group_config={"bundle_per_worker": {"CPU": 1}} if on_cpu else None,
        chat_template_stage=False,
        tokenize_stage=False,
        detokenize_stage=False,
        should_continue_on_error=True,
        log_engine_metrics=False,
    )
    stop, limit = conf.decoding.stop, conf.decoding.max_tokens

    def postprocess(row: Row) -> Row:
        return engine_outcome(row, stop, ends, limit)

    process: Process = build_processor(config, postprocess=postprocess)
    return process


def engine_outcome(
    row: Mapping[str, Any], stop: Sequence[str], ends: frozenset[int], limit: int
) -> Row:
    """What Ray's vLLM stage returns, as an outcome's row.

    The stage drops the engine's finish reason. It is read off again: the text was asked for with
    its stop string, and the tokens hold the end token.
    """
    text, stopped = cut(row["generated_text"], stop)
    written = [int(token) for token in row["generated_tokens"]]
    ended = stopped or len(written) < limit or (bool(written) and written[-1] in ends)
    return {
        "id": row["id"],
        "sample": int(row["sample"]),
        "text": row.get("opening", "") + text,
        "finish_reason": "stop" if ended else "length",
        "prompt_tokens": int(row["num_input_tokens"]),
        "completion_tokens": len(written),
        "error": "",
    }


def scripted_process(conf: TeacherConf) -> Process:
    """Rows through scripted teachers in `compute.workers` processes: all but the model."""
    import ray

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
