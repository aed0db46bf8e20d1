"""`compute` of a teacher and of a judge: its options are those of its backend."""

from typing import Any

import pytest

from stillhouse.config.compute import RayCompute
from stillhouse.config.judge import JudgeConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.config.whole import checked_values
from tests.config.project import ENTRIES

URL = "http://host:8000/v1"


def problems(compute: dict[str, Any], **other: Any) -> list[str]:
    """What is said of a teacher with this `compute`, without the file's name."""
    found: list[str] = []
    values = ENTRIES["teacher/small"] | other | {"compute": compute}
    checked_values("file", values, TeacherConf, found)
    return [problem.removeprefix("file: ") for problem in found]


def test_a_backend_has_its_own_options_and_those_of_all() -> None:
    compute = {"backend": "ray", "workers": 2, "device": "cpu", "allow_failures": 0.1}
    conf = TeacherConf.model_validate(ENTRIES["teacher/small"] | {"compute": compute})
    assert isinstance(conf.compute, RayCompute)
    assert conf.compute.model_dump() == {
        "backend": "ray",
        "workers": 2,
        "device": "cpu",
        "allow_failures": 0.1,
        "budget": None,
        "tensor_parallel": 1,
        "engine": {},
    }
    assert TeacherConf.model_validate_json(conf.model_dump_json()) == conf


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        (
            {"backend": "transformers", "requests_per_minute": 60},
            "`compute.requests_per_minute`: it goes with `backend: openai`, not with `backend: "
            "transformers`.",
        ),
        (
            {"backend": "openai", "base_url": URL, "engine": {"max_num_seqs": 8}},
            "`compute.engine`: it goes with `backend: ray` or `backend: vllm`, not with `backend: "
            "openai`.",
        ),
        (
            {"backend": "transformers", "requests_per_minut": 60},
            "unknown key `compute.requests_per_minut`. Did you mean 'requests_per_minute', which "
            "goes with `backend: openai`? Known: allow_failures, backend, batch_tokens, budget, "
            "device.",
        ),
        (
            {"backend": "transformers", "batch_token": 60},
            "unknown key `compute.batch_token`. Did you mean 'batch_tokens' or 'backend'? Known: "
            "allow_failures, backend, batch_tokens, budget, device.",
        ),
        (
            {"backend": "vllm", "device": "cuda:1"},
            "`compute.device`: vLLM runs on the hardware that it was built for; "
            "CUDA_VISIBLE_DEVICES chooses among several accelerators.",
        ),
        (
            {"backend": "ray", "device": "cuda:1"},
            "`compute.device` is 'cuda:1': this value is not known. Known: auto, cpu.",
        ),
        (
            {"backend": "openai"},
            "`compute.base_url` is missing, such as `base_url: http://host:8000/v1`.",
        ),
        (
            {"backend": "transformer"},
            "`compute.backend` is 'transformer': this value is not known. Did you mean "
            "'transformers'? Known: openai, python:module:function, ray, recorded, scripted, "
            "transformers, vllm.",
        ),
        (
            {"device": "cpu"},
            "`compute.backend` is missing: one of openai, python:module:function, ray, recorded, "
            "scripted, transformers, vllm.",
        ),
    ],
)
def test_an_option_that_the_backend_does_not_take_is_told_whose_it_is(
    compute: dict[str, Any], said: str
) -> None:
    assert problems(compute) == [said]


def test_every_mistake_is_told_whatever_is_wrong_with_the_backend() -> None:
    others = {"budget": {"money": 1, "tokns": 2}, "device": "gpu", "retries": -1, "nonsense": 1}
    for backend in ({"backend": "opnai"}, {"backend": ["openai"]}, {}):
        found = "\n".join(problems(backend | others, context=0))
        for words in (
            "`compute.backend` is ",
            "unknown key `compute.budget.tokns`. Did you mean 'tokens'",
            "`compute.device` is 'gpu'",
            "`compute.retries` is -1: it has to be at least 0",
            "unknown key `compute.nonsense`",
            "`context` is 0",
        ):
            assert words in found


def test_rules_about_what_all_backends_take_hold_whatever_the_backend() -> None:
    found = problems({"backend": "opnai", "budget": {"money": 1}})
    assert any("needs a `price`" in problem for problem in found)


def test_options_of_one_backend_are_right_under_a_backend_that_is_none() -> None:
    (only,) = problems({"backend": "opnai", "base_url": URL, "workers": 2, "batch_tokens": 9})
    assert only.startswith("`compute.backend` is 'opnai'")


def test_a_key_that_was_pasted_under_another_backend_is_not_shown() -> None:
    secret = "sk-abcdefghijklmnop"
    for backend in ("transformers", "opnai"):
        found = problems({"backend": backend, "api_key_env": secret})
        assert found
        assert secret not in "\n".join(found)


def test_a_judge_has_the_same_options() -> None:
    found: list[str] = []
    values = ENTRIES["judge/pair"] | {"compute": {"backend": "openai", "workers": 2}}
    checked_values("file", values, JudgeConf, found)
    assert found == [
        "file: `compute.base_url` is missing, such as `base_url: http://host:8000/v1`.",
        "file: `compute.workers`: it goes with `backend: ray`, not with `backend: openai`.",
    ]
