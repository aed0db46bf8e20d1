"""`conf/teacher/*.yaml`: a teacher's identity, its decoding, and how it is run."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Count, InnerPath, Mirror, Seed, StopText, Text, Written

Backend = Literal["transformers", "openai", "vllm", "ray", "recorded", "scripted"]
HTTP = ("http://", "https://")
Seconds = Annotated[float, Field(gt=0, le=1e7)]
Money = Annotated[float, Field(ge=0, le=1e12)]
Temperature = Annotated[float, Field(ge=0, le=100)]


class Recorded(Conf):
    """One set of published outputs on file, aligned to rows by id (backend `recorded`)."""

    outputs: Annotated[tuple[InnerPath, ...], Field(min_length=1)]
    """Files in order, below the model's source: JSON arrays of strings, or JSON Lines."""
    field: Text | None = None
    """Which field of JSON Lines holds the text; without it the files are JSON arrays."""
    rows: InnerPath | None = None
    """JSON Lines below the source with one row for each output, in the same order; without it a row
    is the output's own JSON object."""
    id: Written
    """The id of a row, as the dataset's conf makes it: a template over the row and `_row`, its
    place from 0 on."""
    finish: Literal["stop", "length"] = "stop"
    """Why a text ended that holds no stop string: by itself, or cut at the token limit."""


class Model(Conf):
    """Which model answers. All of it belongs to the answers' identity but `mirror`, and
    `trust_remote_code`, without which there would be no answer.
    """

    name: Text
    """The name a server knows it by (backend `openai`); for people elsewhere."""
    source: Text
    """The pinned weights. For a hosted model any text that pins it, such as
    `api://api.openai.com/gpt-4o-2024-08-06`; change it when the provider changes the model."""
    mirror: Mirror | None = None
    """Where else the same weights are: a path below STILLHOUSE_MIRROR, or another pinned source."""
    trust_remote_code: bool = False
    """Whether code of the source's own may run, where the library has none for the model."""
    recorded: tuple[Recorded, ...] = ()


class Decoding(Conf):
    """How an answer is decoded; `temperature: 0` is greedy."""

    temperature: Temperature = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Count
    stop: tuple[StopText, ...] = ()
    samples: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Answers for each row; more than one needs a temperature above 0."""
    seed: Seed = 0
    """Of sampled answers; greedy ones ignore it."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further decoding options under the engine's own names (`top_k`, `reasoning_effort`)."""

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("greedy samples are all alike; set a `temperature`, or `samples: 1`")
        return self


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


class TeacherCompute(Conf):
    """What only changes how answers are computed, never which answer is asked for."""

    backend: Backend
    budget: Budget | None = None
    allow_failures: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of rows that may stay without an answer."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_tokens: Count = 16_384
    """Tokens in a batch, prompt and answer, padding included (backend `transformers`)."""

    tensor_parallel: Count = 1
    """Accelerators that share one model (backends `vllm`, `ray`)."""
    workers: Count = 1
    """Engines side by side (backend `ray`)."""
    engine: dict[str, Any] = Field(default_factory=dict)
    """Further options of the engine under its own names (backends `vllm`, `ray`)."""

    base_url: str | None = None
    """Where an OpenAI-compatible server is, up to and including `/v1` (backend `openai`)."""
    api_key_env: str | None = None
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

    @model_validator(mode="after")
    def _server(self) -> Self:
        if self.backend == "openai" and not (self.base_url or "").startswith(HTTP):
            raise ValueError("the backend `openai` needs a `base_url`, such as http://host:8000/v1")
        return self


class Price(Conf):
    """Money per million tokens."""

    currency: Text = "USD"
    prompt: Money = 0.0
    completion: Money = 0.0


class TeacherConf(Conf):
    """One teacher."""

    description: Text
    model: Model
    format: Literal["chat", "plain"]
    """`chat`: the model's chat template over messages. `plain`: messages as text."""
    context: Count
    """The most tokens of prompt and answer together."""
    decoding: Decoding
    compute: TeacherCompute
    price: Price = Price()

    @model_validator(mode="after")
    def _budget_has_a_price(self) -> Self:
        budget = self.compute.budget
        if budget and budget.money and not (self.price.prompt or self.price.completion):
            raise ValueError("a `budget` of money needs a `price`; or give it in `tokens`")
        return self

    @model_validator(mode="after")
    def _answer_fits(self) -> Self:
        if self.decoding.max_tokens >= self.context:
            raise ValueError("`decoding.max_tokens` leaves no room for a prompt in `context`")
        return self
