"""The backend `vllm`: vLLM in this process, on the accelerators or the CPU that it was built for.

Requests are taken a chunk at a time and sorted by their tokens, so that shared beginnings meet in
the engine's prefix cache. The engine is kept full across chunks: the next one is taken when fewer
requests are left than it can run at once, and outcomes are handed over as they finish.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from stillhouse.config.teacher import Decoding, TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.backends.encoding import teacher_folder
from stillhouse.teacher_generate.backends.engine import (
    Encoded,
    PromptEncoder,
    engine_options,
    quiet,
    sampling_options,
)
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request

CHUNK = 4_096
HAND_OVER_SECONDS = 1.0
SHUTDOWN_SECONDS = 30.0


def open_teacher(conf: TeacherConf) -> "VllmTeacher":
    """Start the engine; options that it refuses are an error."""
    quiet()
    from vllm import LLM

    folder = teacher_folder(conf)
    try:
        _params(conf.decoding, 0)
    except (ValueError, TypeError) as error:
        raise StillhouseError(
            f"vLLM refuses the `decoding` of the teacher {conf.model.name!r}: {error}"
        ) from error
    try:
        llm = LLM(**engine_options(conf, folder))
    except (ValueError, TypeError, RuntimeError) as error:
        raise StillhouseError(
            f"vLLM does not start for the teacher {conf.model.name!r}: {error}"
        ) from error
    return VllmTeacher(conf, llm, PromptEncoder(conf, folder))


def _params(decoding: Decoding, seed: int | None, **options: Any) -> Any:
    """What one request is decoded by; ValueError or TypeError where vLLM refuses it."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    chosen = sampling_options(decoding, seed)
    form = chosen.pop("structured_outputs", None)
    if form is not None:
        options["structured_outputs"] = StructuredOutputsParams(**form)
    return SamplingParams(**chosen, **options)


class VllmTeacher:
    """An engine, fed request by request."""

    def __init__(self, conf: TeacherConf, llm: Any, encoder: PromptEncoder) -> None:
        from vllm.sampling_params import RequestOutputKind

        self._decoding, self._encoder = conf.decoding, encoder
        self._kind = RequestOutputKind.FINAL_ONLY
        self.llm = llm
        self._engine = llm.llm_engine
        self._at_once = self._engine.vllm_config.scheduler_config.max_num_seqs
        self._open: dict[str, Encoded] = {}
        self._added = 0

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, template included."""
        return self._encoder.prompt_tokens(requests)

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """The outcomes of requests, as they finish."""
        stream = iter(requests)
        ready = self._fill(stream)
        handed_over = time.monotonic()
        while self._open or ready:
            if self._open:
                ready += [self._outcome(each) for each in self._engine.step() if each.finished]
            if len(self._open) < 2 * self._at_once:
                ready += self._fill(stream)
            if time.monotonic() - handed_over > HAND_OVER_SECONDS or not self._open:
                yield ready
                ready, handed_over = [], time.monotonic()

    def _fill(self, stream: Iterator[Request]) -> list[Outcome]:
        """Hand the engine another chunk; returns what fails at once."""
        rows, failures = self._encoder.in_order(list(islice(stream, CHUNK)))
        for row in rows:
            name = str(self._added)
            self._added += 1
            try:
                params = _params(self._decoding, row.request.seed, output_kind=self._kind)
                rendered = self._engine.renderer.render_cmpl([{"prompt_token_ids": row.tokens}])
                self._engine.add_request(name, rendered[0], params)
            except (ValueError, TypeError) as error:
                failures.append(Outcome(row.request, Failure(f"the engine refuses it: {error}")))
            else:
                self._open[name] = row
        return failures

    def _outcome(self, output: Any) -> Outcome:
        row, written = self._open.pop(output.request_id), output.outputs[0]
        if written.finish_reason not in ("stop", "length"):
            reason = f"the engine ended it with {written.finish_reason!r}"
            return Outcome(row.request, Failure(reason))
        completion = Completion(
            text=self._encoder.opening(row.tokens) + written.text,
            finish_reason=written.finish_reason,
            prompt_tokens=len(row.tokens),
            completion_tokens=len(written.token_ids),
        )
        return Outcome(row.request, completion)

    def close(self) -> None:
        """Stop the engine's processes, whatever is still open in them."""
        if self._open:
            self._engine.abort_request(list(self._open))
            self._open.clear()
        self._engine.engine_core.shutdown(timeout=SHUTDOWN_SECONDS)
