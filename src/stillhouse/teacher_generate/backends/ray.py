"""The backend `ray`: the vLLM engine under Ray Data, on as many machines as the cluster has.

The driver, this process, encodes the requests, takes the outcomes and is the only one that writes
the store. Ray runs blocks of rows on `compute.workers` engines and runs a block again when its
worker dies; outcomes that come twice are taken once.

Without RAY_ADDRESS a cluster of this machine alone is started, and stopped in the end.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from stillhouse.config.compute import RayCompute
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.text import cut
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.backends.encoding import teacher_folder
from stillhouse.teacher_generate.backends.engine import (
    PromptEncoder,
    engine_options,
    quiet,
    sampling_options,
)
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request

CHUNK = 100_000
"""Rows of one Ray dataset; each starts its engines anew, so few are large."""
BLOCK = 64
"""Rows that travel, and are lost with a worker, together."""

Row = dict[str, Any]
Process = Callable[[Any], Any]
"""Ray datasets of rows (id, sample, and what the engine reads) to datasets of answers (id, sample,
text, finish_reason, prompt_tokens, completion_tokens, error)."""


def open_teacher(conf: TeacherConf) -> "RayTeacher":
    """Connect to the cluster, or start one."""
    quiet()
    started = _connect()
    folder = teacher_folder(conf)
    encoder = PromptEncoder(conf, folder)
    return RayTeacher(EncodedRows(conf, encoder), vllm_process(conf, folder, encoder.ends), started)


def _connect() -> bool:
    """Whether a cluster was started or joined here; the package travels to its workers."""
    import logging

    import ray

    import stillhouse

    logging.getLogger("ray.data").setLevel(logging.WARNING)
    if ray.is_initialized():
        return False
    package = str(Path(stillhouse.__file__).parent)
    ray.init(
        logging_level=logging.WARNING,
        log_to_driver=False,
        include_dashboard=False,
        runtime_env={"py_modules": [package]},
    )
    return True


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

    assert isinstance(conf.compute, RayCompute)
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
    """What Ray's vLLM stage returns, as an answer's row.

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


class RayTeacher:
    """A cluster of engines."""

    def __init__(self, encoder: EncodedRows, process: Process, started: bool) -> None:
        self._encoder, self._process, self._started = encoder, process, started

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, as the driver counts them."""
        return self._encoder.prompt_tokens(requests)

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """Outcomes block by block, as the workers finish them."""
        stream = iter(requests)
        while chunk := list(islice(stream, CHUNK)):
            rows, failures = self._encoder.rows(chunk)
            if failures:
                yield failures
            if rows:
                yield from self._run(rows, {(r.id, r.sample): r for r in chunk})

    def _run(
        self, rows: list[Row], waiting: dict[tuple[str, int], Request]
    ) -> Iterator[list[Outcome]]:
        import ray
        from ray.exceptions import RayError

        ray.data.DataContext.get_current().enable_progress_bars = False
        blocks = -(-len(rows) // BLOCK)
        dataset = self._process(ray.data.from_items(rows, override_num_blocks=blocks))
        try:
            for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
                yield _take(batch.to_pylist(), waiting)
        except RayError as error:
            raise StillhouseError(f"The Ray cluster gave up: {error}") from error

    def close(self) -> None:
        """Stop the cluster, if it was started here."""
        import ray

        if self._started:
            ray.shutdown()


def _take(
    rows: Iterable[Mapping[str, Any]], waiting: dict[tuple[str, int], Request]
) -> list[Outcome]:
    outcomes = []
    for row in rows:
        # A block that ran again on another worker may bring an outcome a second time.
        request = waiting.pop((row["id"], row["sample"]), None)
        if request is not None:
            outcomes.append(_as_outcome(request, row))
    return outcomes


def _as_outcome(request: Request, row: Mapping[str, Any]) -> Outcome:
    error = row.get("error") or row.get("__inference_error__")
    if error:
        return Outcome(request, Failure(f"the engine failed: {error}"))
    return Outcome(
        request,
        Completion(
            row["text"], row["finish_reason"], row["prompt_tokens"], row["completion_tokens"]
        ),
    )
