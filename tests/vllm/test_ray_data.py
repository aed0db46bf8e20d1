"""The backend `ray`: the data path on two worker processes, and the real engine for 32 rows."""

import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import ray

from stillhouse.config.prompt import Reply
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.messages import Message
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate import registry
from stillhouse.teacher_generate.backends.ray import RayTeacher
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.protocol import Outcome, Request
from stillhouse.teacher_generate.registry import open_teacher as open_any
from stillhouse.teacher_generate.structured import enforced
from tests.conftest import REPOSITORY
from tests.teacher_generate.helpers import prompts, rows, teacher
from tests.teacher_generate.scripted_ray import ScriptedRows, ScriptedWorker, open_teacher
from tests.vllm.conftest import conf, queries

ROWS = 2_000


def scripted(backend: str) -> TeacherConf:
    return teacher(
        model={"source": "scripted:{{ prompt }} {{ digest % 97 }}"},
        compute={"backend": "ray", "workers": 2} if backend == "ray" else {"backend": backend},
    )


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two processors for two workers, on whatever machine this is."""
    import stillhouse

    package = str(Path(stillhouse.__file__).parent)
    ray.init(
        num_cpus=3,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"py_modules": [package, str(REPOSITORY / "tests")]},
    )
    yield
    ray.shutdown()


def requests(count: int) -> list[Request]:
    texts = [f"How many apples are {n} apples?" for n in range(count)]
    return [Request(f"row-{n}", 0, (Message("user", text),)) for n, text in enumerate(texts)]


def ask(opened: RayTeacher, count: int) -> list[Outcome]:
    return [outcome for batch in opened.generate(iter(requests(count))) for outcome in batch]


def expected(count: int) -> dict[str, Completion]:
    opened = open_any(scripted("scripted"))
    outcomes = [a for batch in opened.generate(iter(requests(count))) for a in batch]
    return {outcome.request.id: outcome.result for outcome in outcomes}  # type: ignore[misc]


def assert_each_once(outcomes: list[Outcome], count: int) -> None:
    assert Counter(outcome.request.id for outcome in outcomes) == Counter(
        {f"row-{n}": 1 for n in range(count)}
    )
    assert {outcome.request.id: outcome.result for outcome in outcomes} == expected(count)


def test_two_workers_complete_every_row_once() -> None:
    assert_each_once(ask(open_teacher(scripted("ray")), ROWS), ROWS)


def test_the_stage_gives_the_table_of_the_backend_without_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = prompts(range(300))
    without_model = registry.Backend("tests.teacher_generate.scripted_ray")
    monkeypatch.setitem(registry.BACKENDS, "ray", without_model)
    through_ray = generate(table, scripted("ray")).completions
    monkeypatch.setenv("STILLHOUSE_STORE", str(tmp_path / "other"))
    assert rows(through_ray) == rows(generate(table, scripted("scripted")).completions)


def test_a_worker_killed_in_mid_run_loses_nothing(tmp_path: Path) -> None:
    marker, pids = tmp_path / "killed", tmp_path / "pids"
    pids.mkdir()

    class MortalWorker(ScriptedWorker):
        """Dies once, in the middle of a block, after having answered others."""

        calls = 0

        def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
            (pids / str(os.getpid())).touch()
            self.calls += 1
            if self.calls > 3:
                try:
                    marker.touch(exist_ok=False)
                except FileExistsError:
                    pass
                else:
                    os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(batch)

    described = scripted("ray").model_dump_json()

    def process(dataset: Any) -> Any:
        return dataset.map_batches(
            MortalWorker,
            fn_constructor_args=(described,),
            batch_size=16,
            compute=ray.data.ActorPoolStrategy(size=2),
        )

    opened = RayTeacher(ScriptedRows(scripted("ray")), process, started=False)
    outcomes = ask(opened, ROWS)
    assert marker.exists(), "a worker was killed"
    assert len(list(pids.iterdir())) == 3, "two workers, and one in the dead one's place"
    assert_each_once(outcomes, ROWS)


def test_a_row_that_fails_is_a_failure_of_its_own() -> None:
    def process(dataset: Any) -> Any:
        def complete(row: dict[str, Any]) -> dict[str, Any]:
            bad = row["id"] == "row-7"
            return {
                "id": row["id"],
                "sample": row["sample"],
                "text": "" if bad else "yes",
                "finish_reason": "stop",
                "prompt_tokens": 1,
                "completion_tokens": 1,
                "error": "ValueError: too long" if bad else "",
            }

        return dataset.map(complete)

    outcomes = ask(RayTeacher(ScriptedRows(scripted("ray")), process, started=False), 20)
    failed = {a.request.id for a in outcomes if not isinstance(a.result, Completion)}
    assert failed == {"row-7"}
    assert len(outcomes) == 20


def test_vllm_under_ray_writes_what_transformers_writes(smollm2: Path) -> None:
    compute = {"backend": "ray", "engine": {"enforce_eager": True}}
    asked = [Request(id_, 0, (Message("user", text),)) for id_, text in queries().items()]

    def run(backend: dict[str, Any]) -> dict[str, Any]:
        opened = open_any(conf(smollm2, compute=backend))
        outcomes = [a for batch in opened.generate(iter(asked)) for a in batch]
        assert len(outcomes) == len(asked)
        return {outcome.request.id: outcome.result for outcome in outcomes}

    through_ray = run(compute)
    local = run({"backend": "transformers"})
    equal = sum(through_ray[id_] == local[id_] for id_ in local)
    print(f"ray / transformers, float32: {equal} of {len(local)} completions are equal")
    assert equal / len(local) >= 0.9


def test_a_reply_in_json_is_enforced_under_ray(smollm2: Path) -> None:
    compute = {"backend": "ray", "engine": {"enforce_eager": True}}
    reply = Reply(content="rationale_then_label", form="json")
    teacher = enforced(conf(smollm2, compute=compute, decoding={"max_tokens": 120}), reply)
    asked = [Request(id_, 0, (Message("user", text),)) for id_, text in queries().items()]
    outcomes = [a for batch in open_any(teacher).generate(iter(asked)) for a in batch]
    assert len(outcomes) == len(asked)
    assert all(isinstance(outcome.result, Completion) for outcome in outcomes), outcomes[0].result
    texts = [outcome.result.text for outcome in outcomes if isinstance(outcome.result, Completion)]
    assert all(text.lstrip().startswith("{") for text in texts)
    assert any('"rationale"' in text for text in texts)
