"""How a teacher or a judge is run: `compute`, whose options are those of its backend.

It only changes how answers are computed, never which answer is asked for: DVC does not track it,
and it is no part of an answer's key.
"""

import ipaddress
import re
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, Tag, model_validator

from stillhouse.config.base import Conf, Count
from stillhouse.config.tagged import ByKey
from stillhouse.config.values import Options, looks_secret, secret_error
from stillhouse.hooks.reference import FORM, SCHEME, checked_reference

Seconds = Annotated[float, Field(gt=0, le=1e7)]
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_loopback(host: str | None) -> bool:
    """Whether an address is this machine's own, where nobody listens on the way."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _variable(value: Any) -> Any:
    # A key pasted here by mistake must not be shown, so no value is.
    if value is None or (
        isinstance(value, str) and VARIABLE.fullmatch(value) and not looks_secret(value)
    ):
        return value
    raise secret_error(
        "it names the environment variable that holds the key, such as OPENAI_API_KEY; the value "
        "here is no such name (and is not shown, in case it is a key)"
    )


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    problem = _address_problem(value)
    if problem and "@" in value:
        raise secret_error(f"{problem}; the value is not shown, in case it holds a password")
    if problem:
        raise ValueError(problem)
    return value


def _address_problem(value: str) -> str | None:
    example = "such as http://host:8000/v1"
    if not value.isprintable() or " " in value:
        return f"an address holds no blanks; write one {example}"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        return f"it is no address ({error}); write one {example}"
    problems = {
        f"the backend `openai` needs a `base_url`, {example}": (
            parts.scheme not in ("http", "https") or not parts.hostname
        ),
        "an address holds no user and password; put the key into the environment, and the name of "
        "its variable into `api_key_env`": "@" in parts.netloc,
        f"the request's path is put behind it, so it holds no `?` and no `#`, {example}": (
            "?" in value or "#" in value
        ),
        f"{parts.netloc!r} is no host; write an address {example}": (
            port == 0 or not _is_host(parts.hostname or "")
        ),
    }
    return next((problem for problem, found in problems.items() if found), None)


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            host.rstrip(".").encode("idna")
        except UnicodeError:
            return False
        return ":" not in host and re.search(r"[\s<>\"{}|\\^`\[\]]", host) is None
    return True


class Budget(Conf):
    """What one run may spend; give one of the two."""

    money: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """In the currency of `price`."""
    tokens: Count | None = None
    """Prompt and completion together."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.money is None) == (self.tokens is None):
            raise ValueError("give either `money` or `tokens`")
        return self


class CommonCompute(Conf):
    """What every backend takes."""

    ELSEWHERE: ClassVar[dict[str, str]] = {
        "dtype": "it changes answers, so it stands under `model`, not `compute`"
    }
    budget: Budget | None = None
    allow_failures: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of rows that may stay without an answer."""


class TransformersCompute(CommonCompute):
    """A local model in this process."""

    backend: Literal["transformers"]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    batch_tokens: Count = 16_384
    """Tokens in a batch, prompt and answer, padding included."""


class OpenAICompute(CommonCompute):
    """An OpenAI-compatible server."""

    backend: Literal["openai"]
    base_url: Annotated[
        str, BeforeValidator(_address), Field(examples=["base_url: http://host:8000/v1"])
    ]
    """Where it is, up to and including `/v1`."""
    api_key_env: Annotated[str | None, BeforeValidator(_variable)] = None
    """The environment variable that holds the key; the key itself stands nowhere else."""
    max_in_flight: Count = 64
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    timeout_s: Seconds = 120.0
    """Of one attempt."""
    deadline_s: Seconds = 600.0
    """Of one row, retries and waits included; also how long no answer at all may come."""
    retries: Annotated[int, Field(ge=0, le=1000)] = 8
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """How the server calls the limit; newer hosted models want the second name."""
    finish_reasons: dict[str, Literal["stop", "length", "refusal"]] = Field(default_factory=dict)
    """What the server's words for why a completion ended mean, beyond those that are known; `null`
    stands for none."""


class EngineCompute(CommonCompute):
    """vLLM, however it is run."""

    tensor_parallel: Count = 1
    """Accelerators that share one model."""
    engine: Options = Field(default_factory=dict)
    """Further options of the engine under its own names, of those that cannot change answers; the
    others stand in `model.engine`."""


class VllmCompute(EngineCompute):
    """vLLM in this process."""

    ELSEWHERE: ClassVar[dict[str, str]] = CommonCompute.ELSEWHERE | {
        "device": "vLLM runs on the hardware that it was built for; CUDA_VISIBLE_DEVICES chooses "
        "among several accelerators"
    }
    backend: Literal["vllm"]


class RayCompute(EngineCompute):
    """vLLM under Ray Data."""

    backend: Literal["ray"]
    device: Literal["auto", "cpu"] = "auto"
    """`cpu`: each engine takes a processor's slot, also where the cluster has accelerators."""
    workers: Count = 1
    """Engines side by side."""


class RecordedCompute(CommonCompute):
    """Outputs on file."""

    backend: Literal["recorded"]


class ScriptedCompute(CommonCompute):
    """A template instead of a model, for tests and demonstrations."""

    backend: Literal["scripted"]


class OwnCompute(CommonCompute):
    """A function of the project's own that opens a teacher (docs/extending.md)."""

    backend: Annotated[str, AfterValidator(checked_reference)]
    options: Options = Field(default_factory=dict)
    """What the function needs to know beside the teacher: it reads `conf.compute.options`."""


TeacherCompute = Annotated[
    Annotated[TransformersCompute, Tag("transformers")]
    | Annotated[OpenAICompute, Tag("openai")]
    | Annotated[VllmCompute, Tag("vllm")]
    | Annotated[RayCompute, Tag("ray")]
    | Annotated[RecordedCompute, Tag("recorded")]
    | Annotated[ScriptedCompute, Tag("scripted")]
    | Annotated[OwnCompute, Tag(SCHEME)],
    ByKey("backend", {SCHEME: FORM}).discriminator(),
]
