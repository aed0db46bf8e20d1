"""What travels to Ray's workers and back, without a cluster; tests/vllm runs a real one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.messages import Message
from stillhouse.sources.content import content_hash
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.backends.engine import PromptEncoder
from stillhouse.teacher_generate.backends.ray import (
    EncodedRows,
    RayTeacher,
    _take,
    engine_outcome,
)
from stillhouse.teacher_generate.protocol import Failure, Request
from stillhouse.teacher_generate.registry import open_teacher
from tests.teacher_generate.helpers import teacher
from tests.teacher_generate.scripted_ray import ScriptedRows, ScriptedWorker

END = frozenset({2})


def returned(text: str, tokens: list[int], **other: Any) -> dict[str, Any]:
    return {
        "id": "a",
        "sample": 0,
        "generated_text": text,
        "generated_tokens": tokens,
        "num_input_tokens": 7,
    } | other


@pytest.mark.parametrize(
    ("text", "tokens", "kept", "finish_reason"),
    [
        ("It is", [5, 6, 7], "It is", "length"),
        ("It is.", [5, 6, 2], "It is.", "stop"),
        ("It is.", [5, 2], "It is.", "stop"),
        ("It is.\n\nQ: more", [5, 6, 7], "It is.", "stop"),
    ],
)
def test_the_finish_reason_is_read_off_the_text_and_tokens(
    text: str, tokens: list[int], kept: str, finish_reason: str
) -> None:
    row = engine_outcome(returned(text, tokens), ["\n\nQ:"], END, limit=3)
    assert (row["text"], row["finish_reason"]) == (kept, finish_reason)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (7, len(tokens))


@given(st.lists(st.tuples(st.text(min_size=1), st.integers(0, 2**31 - 1)), min_size=1, max_size=6))
def test_a_worker_completes_as_the_scripted_teacher_does_here(rows: list[tuple[str, int]]) -> None:
    conf = teacher(
        model={"source": "scripted:{{ prompt }} {{ sample }} {{ digest % 9 }}"},
        decoding={"temperature": 1.0, "samples": 2},
    )
    asked = [
        Request(f"r{place}", place % 2, (Message("system", "s"), Message("user", text)), seed)
        for place, (text, seed) in enumerate(rows)
    ]
    made, failures = ScriptedRows(conf).rows(asked)
    assert not failures
    columns = {name: [row[name] for row in made] for name in made[0]}
    completed = ScriptedWorker(conf.model_dump_json())(columns)
    back = [
        dict(zip(completed, values, strict=True))
        for values in zip(*completed.values(), strict=True)
    ]
    outcomes = _take(back, {(r.id, r.sample): r for r in asked})
    here = [a for batch in open_teacher(conf).generate(iter(asked)) for a in batch]
    assert outcomes == here


def test_rows_for_the_engine_hold_tokens_and_ask_for_the_stop_string(tiny_models: Path) -> None:
    folder = tiny_models / "decoder"
    conf = teacher(
        format="plain",
        model={"source": f"file:{folder}#sha256={content_hash(folder)}"},
        decoding={"stop": ["\n"]},
    )
    asked = [Request(id_, 0, (Message("user", text),)) for id_, text in {"b": "x", "e": ""}.items()]
    rows, failures = EncodedRows(conf, PromptEncoder(conf, folder)).rows(asked)
    assert [row["id"] for row in rows] == ["b"]
    assert rows[0]["sampling_params"]["include_stop_str_in_output"] is True
    assert json.dumps(rows), "plain values, which travel anywhere"
    assert [f.request.id for f in failures] == ["e"]


def test_outcomes_that_come_twice_or_uncalled_are_taken_once() -> None:
    asked = Request("a", 0, ())
    row = {"id": "a", "sample": 0, "text": "x", "finish_reason": "stop"}
    row |= {"prompt_tokens": 1, "completion_tokens": 1, "error": ""}
    waiting = {("a", 0): asked}
    taken = _take([row, row, row | {"id": "b"}], waiting)
    assert [outcome.request for outcome in taken] == [asked]
    assert taken[0].result == Completion("x", "stop", 1, 1)
    assert not waiting


def test_an_engines_error_is_a_failure_of_its_row() -> None:
    row = {"id": "a", "sample": 0, "__inference_error__": "ValueError: too long"}
    taken = _take([row], {("a", 0): Request("a", 0, ())})
    assert taken[0].result == Failure("the engine failed: ValueError: too long")


def test_an_empty_prompt_never_reaches_the_cluster() -> None:
    class Nothing:
        def prompt_tokens(self, requests: Any) -> list[int]:
            return []

        def rows(self, requests: Any) -> Any:
            return [], [Failure("empty")]

    opened = RayTeacher(Nothing(), lambda _dataset: pytest.fail("asked"), started=False)  # type: ignore[arg-type]
    assert list(opened.generate(iter([Request("a", 0, ())]))) == [[Failure("empty")]]
