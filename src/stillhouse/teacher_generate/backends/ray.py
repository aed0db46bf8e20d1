"""The backend `ray`: the vLLM engine under Ray Data, on as many machines as the cluster has.

The driver, this process, encodes the requests, takes the outcomes and is the only one that writes
the store. Ray runs blocks of rows on `compute.workers` engines and runs a block again when its
worker dies; outcomes that come twice are taken once.

Without RAY_ADDRESS a cluster of this machine alone is started, and stopped in the end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.teacher_generate.backends.engine import PromptEncoder, quiet, teacher_folder
from stillhouse.teacher_generate.backends.ray_blocks import (
    BLOCK,
    EncodedRows,
    Process,
    Row,
    ScriptedRows,
    scripted_process,
    vllm_process,
)
from stillhouse.teacher_generate.backends.scripted import PREFIX
from stillhouse.teacher_generate.protocol import Completion, Failure, Outcome, Request

CHUNK = 100_000
"""Rows of one Ray dataset; each starts its engines anew, so few are large."""


def open_teacher(conf: TeacherConf) -> "RayTeacher":
    """Connect to the cluster, or start one; a `scripted:` source needs no model there."""
    quiet()
    started = _connect()
    if conf.model.source.startswith(PREFIX):
        return RayTeacher(ScriptedRows(conf), scripted_process(conf), started)
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


class RayTeacher:
    """A cluster of engines."""

    def __init__(
        self, encoder: ScriptedRows | EncodedRows, process: Process, started: bool
    ) -> None:
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
