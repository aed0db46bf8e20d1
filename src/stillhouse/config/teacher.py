"""`conf/teacher/*.yaml`: a teacher's identity, its decoding, and how it is run."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from stillhouse.config.base import Conf, Count, InnerPath, Mirror, Seed, StopText, Text, Written
from stillhouse.config.compute import EngineCompute, TeacherCompute
from stillhouse.config.engine import engine_problems
from stillhouse.config.values import Options

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Money = Annotated[float, Field(ge=0, le=1e12)]
Temperature = Annotated[float, Field(ge=0, le=100)]

_SENT = """
model messages prompt input stream stream_options n best_of num_return_sequences
max_tokens max_completion_tokens max_new_tokens max_output_tokens max_length max_gen_len
num_predict temperature do_sample top_p seed stop stop_sequences chat_template_kwargs
include_stop_str_in_output output_kind detokenize extra_body extra_headers extra_query
"""
SENT = frozenset(_SENT.split())
"""What the request says by itself, and what would change how completions are read."""
_TEMPLATE = """
conversation messages chat_template tools documents add_generation_prompt continue_final_message
tokenize padding truncation max_length return_tensors return_dict return_assistant_tokens_mask
tokenizer_kwargs"""
TEMPLATE = frozenset(_TEMPLATE.split())
"""How a chat template is applied, which follows from the prompt."""


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
    """The id of a row, as the dataset's entry makes it: a template over the row and `_row`, its
    place from 0 on."""
    tokens: tuple[Text, Text] | None = None
    """The fields of JSON Lines that count the tokens of the prompt and of the text."""
    finish: Literal["stop", "length"] = "stop"
    """Why a text ended that holds no stop string: by itself, or cut at the token limit."""


class Model(Conf):
    """Which model writes. All of it belongs to the completions' identity but `mirror`, and
    `trust_remote_code`, without which there would be no completion.
    """

    name: Text
    """The name a server knows it by (backend `openai`); for people elsewhere."""
    source: Text
    """The pinned weights. For a hosted model any text that pins it, such as
    `api://api.openai.com/gpt-4o-2024-08-06`; change it when the host changes the model."""
    mirror: Mirror | None = None
    """Where else the same weights are: a path below STILLHOUSE_MIRROR, or another pinned source."""
    trust_remote_code: bool = False
    """Whether code of the source's own may run, where the library has none for the model."""
    recorded: tuple[Recorded, ...] = ()
    dtype: Dtype = "auto"
    """The type of the weights. `auto` is the stored one; another one rounds them, which makes
    other completions."""
    engine: Options = Field(default_factory=dict)
    """Options of the engine that may change completions, under its own names (backends `vllm`,
    `ray`), such as `quantization: fp8`."""


class Decoding(Conf):
    """How a completion is decoded; `temperature: 0` is greedy."""

    temperature: Temperature = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Count
    stop: tuple[StopText, ...] = ()
    samples: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Completions for each row; more than one needs a temperature above 0."""
    seed: Seed = 0
    """Of sampled completions; greedy ones ignore it."""
    extra: Options = Field(default_factory=dict)
    """Further decoding options under the engine's own names (`top_k`, `reasoning_effort`)."""
    chat_template_kwargs: Options = Field(default_factory=dict)
    """What the model's chat template sees beside the messages, such as `enable_thinking: false`."""
    response_format: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How a reply in JSON, where the prompt asks for one, is enforced: by its schema, as any JSON
    object, or not at all (for servers that cannot)."""

    @field_validator("chat_template_kwargs")
    @classmethod
    def _not_the_template_itself(cls, names: dict[str, Any]) -> dict[str, Any]:
        if taken := names.keys() & TEMPLATE:
            raise ValueError(
                f"{', '.join(sorted(taken))} is not for `chat_template_kwargs`: how the template "
                "is applied follows from the prompt"
            )
        return names

    @field_validator("extra")
    @classmethod
    def _not_sent_already(cls, extra: dict[str, Any]) -> dict[str, Any]:
        for name in extra:
            if name.strip().lower().replace("-", "_") in SENT:
                raise ValueError(
                    f"{name!r} is not for `extra`: the request sets it from `decoding`, `model` "
                    "and the prompt, or it would change how completions are read"
                )
        return extra

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("greedy samples are all alike; set a `temperature`, or `samples: 1`")
        return self


class Price(Conf):
    """Money per million tokens, for a hosted model; per hour, for a machine of one's own."""

    currency: Text = "USD"
    prompt: Money = 0.0
    completion: Money = 0.0
    hour: Money = 0.0
    """Of the machine that answers, and of a student the one that trains it."""


class TeacherConf(Conf):
    """One teacher."""

    UNTRACKED: ClassVar = frozenset({"compute", "price"})

    description: Text
    model: Model
    format: Literal["chat", "plain"]
    """`chat`: the model's chat template over messages. `plain`: messages as text."""
    context: Count
    """The most tokens of prompt and completion together."""
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
    def _engine(self) -> Self:
        tuned = self.compute.engine if isinstance(self.compute, EngineCompute) else {}
        problems = list(engine_problems(tuned, self.model.engine))
        if self.model.engine and self.compute.backend == "transformers":
            problems.append("`model.engine` is for the backends `vllm` and `ray`")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _template(self) -> Self:
        if self.decoding.chat_template_kwargs and self.format != "chat":
            raise ValueError("`decoding.chat_template_kwargs` needs `format: chat`")
        return self

    @model_validator(mode="after")
    def _completion_fits(self) -> Self:
        if self.decoding.max_tokens >= self.context:
            raise ValueError("`decoding.max_tokens` leaves no room for a prompt in `context`")
        return self
