"""`conf/student/*.yaml`: the student's weights, its templates, and how it is trained."""

import shlex
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, Tag, model_validator

from stillhouse.config.architecture import problems_of_architecture
from stillhouse.config.base import (
    MOST,
    Conf,
    Count,
    Mirror,
    Plain,
    Source,
    StopText,
    Text,
    Written,
    require_shown,
)
from stillhouse.config.compute import OpenAICompute
from stillhouse.config.tagged import ByKey
from stillhouse.config.teacher import Decoding, Model, Price, TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import unknown_names

Positive = Annotated[float, Field(gt=0, le=1e9)]
Tokens = Annotated[int, Field(ge=1, le=1_000_000)]
Module = Annotated[str, Field(pattern=r"^(all-linear|\w+)$")]
Layers = Annotated[int, Field(ge=1, le=10_000)]
Precision = Literal["float32", "bfloat16"]
Family = Literal["decoder", "encoder_decoder"]


class StudentModel(Conf):
    """Which model the student is, what it can see, and how its weights are kept."""

    family: Family
    source: Source | None = None
    """Pretrained weights (and the tokenizer). None: random weights from `architecture`."""
    architecture: dict[str, Any] | None = None
    """Hugging Face configuration values, for a student with random weights of any size."""
    tokenizer: Source | None = None
    """Where the tokenizer comes from when the weights are random."""
    max_query_tokens: Annotated[int, Field(ge=8, le=1_000_000)]
    """Not less than a prefix and a word or two take."""
    max_target_tokens: Annotated[int, Field(ge=2, le=1_000_000)]
    """At least one token of a label and the end token."""
    precision: Precision = "float32"
    """The type of the saved weights, which is also the one that predictions are computed in."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.source is None) == (self.architecture is None):
            raise ValueError("give either `source` (pretrained) or `architecture` (random weights)")
        return self

    @model_validator(mode="after")
    def _tokenizer_of_random_weights(self) -> Self:
        if self.architecture is not None and self.tokenizer is None:
            raise ValueError("`architecture` needs a `tokenizer` source")
        if self.source is not None and self.tokenizer is not None:
            raise ValueError(
                "`tokenizer` is for random weights; pretrained ones (`source`) bring their own"
            )
        return self

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.architecture is not None:
            problems = problems_of_architecture(self.architecture, self.family)
            if problems:
                raise ValueError("; ".join(problems))
        return self


SERVED: Literal["served"] = "served"


class ServedModel(Conf):
    """A model that others have trained, such as a fine-tuning service, and that a server holds."""

    ELSEWHERE: ClassVar[dict[str, str]] = {
        "base_url": "it stands in `compute`: `compute.base_url`",
    }
    family: Literal["served"]
    name: Text
    """The name that the server knows it by."""
    source: Text
    """What pins it: pinned weights, or for a hosted model `api://<host>/<dated name>`; change it
    when the host changes the model."""


AnyModel = Annotated[
    Annotated[StudentModel, Tag("decoder")]
    | Annotated[StudentModel, Tag("encoder_decoder")]
    | Annotated[ServedModel, Tag(SERVED)],
    ByKey("family").discriminator(),
]


class Lora(Conf):
    """Low-rank adapters through PEFT."""

    rank: Annotated[int, Field(ge=1, le=65_536)]
    alpha: Annotated[int, Field(ge=1, le=65_536)]
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: Module | Annotated[tuple[Module, ...], Field(min_length=1)] = "all-linear"
    """`all-linear`, or the last part of the modules' names, such as `q_proj`."""
    layers: Layers | None = None
    """Adapt only the last so many layers of each stack: what lies below needs no backward pass."""


class Templates(Conf):
    """The text of both tasks. `query` templates see `query` and `prefix`."""

    QUERY_SEES: ClassVar[frozenset[str]] = frozenset({"query", "prefix"})
    TARGET_SEES: ClassVar[frozenset[str]] = frozenset({"target"})
    SAID: ClassVar[str] = "target"
    """What `target` has to show."""

    label_prefix: Plain
    rationale_prefix: Plain
    query: Written
    target: Written = "{{ target }}"

    @model_validator(mode="after")
    def _shows_the_query(self) -> Self:
        require_shown(self.query, "query", "query")
        return self

    @model_validator(mode="after")
    def _shows_the_target(self) -> Self:
        require_shown(self.target, self.SAID, "target")
        return self

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        known = {"query": self.QUERY_SEES, "target": self.TARGET_SEES}
        problems = [
            f"`{field}` {problem}"
            for field, names in known.items()
            for problem in unknown_names(getattr(self, field), names)
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


OF_PROMPT = "prompt"
"""In place of a student's templates: it is asked with the run's prompt, as a teacher would be."""


class Asked(Templates):
    """How a student is asked with a prompt: what the stage `prompt` makes of its parts.

    `system` and `query` become the messages, `target` the reply. Beside `values` they see
    `choices`, and `query` or `label`.
    """

    QUERY_SEES: ClassVar[frozenset[str]] = frozenset(
        {"query", "choices", "task", "metric", "marker"}
    )
    TARGET_SEES: ClassVar[frozenset[str]] = QUERY_SEES - {"query"} | {"label"}
    SAID: ClassVar[str] = "label"

    label_prefix: str = ""
    rationale_prefix: str = ""
    system: str
    values: dict[str, str]
    """Those of `task`, `metric` and `marker` that the templates show."""
    choices: tuple[str, ...]
    """Of all rows alike; none where each row's query lists its own."""
    chat: bool = False
    """Whether queries are conversations, whose turns the student replies to one by one."""


class Validation(Conf):
    """Scoring on the validation split while training; the weights that score best are saved."""

    epochs: Positive | None = None
    """Score after every so many passes over the rows (a fraction is fine) ..."""
    steps: Count | None = None
    """... or after every so many steps; and at the end."""
    metric: Literal["accuracy", "loss"] = "accuracy"
    """The share of rows whose whole label is the greedy prediction, or the label loss per token."""
    patience: Count | None = None
    """Stop after so many scores in a row that are no better than the best. None: never early."""

    @model_validator(mode="after")
    def _one_interval(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either `epochs` or `steps`")
        return self


class Training(Conf):
    """Which weights are tuned, and how. Give `epochs` or `steps`, not both."""

    ELSEWHERE: ClassVar[dict[str, str]] = {
        "saved_precision": "it is written as `model.precision`",
        "max_query_tokens": "it stands in `model`: `model.max_query_tokens`",
        "max_target_tokens": "it stands in `model`: `model.max_target_tokens`",
    }
    method: Literal["full", "lora", "qlora"] = "full"
    """All weights; low-rank adapters; or these over weights in four bits (Dettmers et al. 2023)."""
    lora: Lora | None = None
    epochs: Positive | None = None
    steps: Count | None = None
    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0, le=100)] = 0.0
    max_grad_norm: Positive = 1.0
    objective: Literal["cross_entropy", "mse"] = "cross_entropy"
    precision: Precision = "float32"
    """bfloat16: autocast over float32 weights. There is no float16, in which T5 v1.1 overflows."""
    trainable_layers: Layers | None = None
    """Train only the last so many layers of each stack; embeddings and the rest stay frozen."""
    validation: Validation | None = None
    """None: train to the end and save the last weights."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either `epochs` or `steps`")
        return self

    @model_validator(mode="after")
    def _method_has_its_section(self) -> Self:
        if (self.method != "full") != (self.lora is not None):
            raise ValueError("`method: lora` or `qlora` and a `lora` section go together")
        return self

    @model_validator(mode="after")
    def _layers_of_the_method(self) -> Self:
        if self.method != "full" and self.trainable_layers is not None:
            raise ValueError("`trainable_layers` is for `method: full`; use `lora.layers`")
        return self


class StudentDecoding(Conf):
    """How the label is predicted."""

    decode: Literal["generate", "choices"] = "generate"
    """Greedy, up to the end-of-sequence token; or the likeliest of the row's choices, whole."""
    max_tokens: Tokens
    stop: tuple[StopText, ...] = ()
    """A prediction ends before the first of these, leading white space aside."""


def _command(text: str) -> str:
    try:
        shlex.split(text)
    except ValueError as error:
        raise ValueError(f"it is no command: {error}") from error
    return text


class StudentCompute(Conf):
    """What only changes how the student is computed, here."""

    backend: Literal["transformers"] = "transformers"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    micro_batch_size: Count | None = None
    """Rows in one forward pass; the loss stays that of the whole batch."""
    eval_batch_size: Count = 32
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, more time, the same loss."""
    checkpoint_minutes: Positive | None = 10.0
    """How much of an interrupted training may be lost. None: keep no checkpoints."""
    launcher: Annotated[Text, AfterValidator(_command)] | None = None
    """What starts several processes, such as `accelerate launch --multi_gpu --num_processes 2`."""


AnyCompute = Annotated[
    Annotated[StudentCompute, Tag("transformers")] | Annotated[OpenAICompute, Tag("openai")],
    ByKey("backend", default="transformers").discriminator(),
]


class StudentConf(Conf):
    """One student."""

    UNTRACKED: ClassVar = frozenset({"mirror", "compute", "price"})
    ELSEWHERE: ClassVar[dict[str, str]] = {"generation": "it is written as `decoding`"}

    description: Text
    model: AnyModel
    mirror: Mirror | None = None
    templates: Templates | Literal["prompt"]
    """`prompt`: it is asked with the run's prompt, through its own chat template if it has one."""
    training: Training | None
    """Null for a model that is served: whoever serves it has trained it."""
    decoding: StudentDecoding
    compute: AnyCompute = StudentCompute()
    """For a model that is served, which server that is: `backend: openai`."""
    price: Price = Price()

    @property
    def is_served(self) -> bool:
        """Whether its weights are behind a server, and not here."""
        return self.model.family == SERVED

    @model_validator(mode="after")
    def _trained_by_somebody(self) -> Self:
        if self.is_served and self.training is not None:
            raise ValueError(
                "`training` is for a student that is trained here; whoever serves a model of "
                "`family: served` has trained it: write `training: null`"
            )
        if not self.is_served and self.training is None:
            raise ValueError(
                "`training` is null, and only a model of `family: served` is trained by others"
            )
        return self

    @model_validator(mode="after")
    def _runs_where_it_is(self) -> Self:
        served = self.compute.backend == "openai"
        if self.is_served and not served:
            raise ValueError(
                "a model of `family: served` needs to know its server: `compute: {backend: openai, "
                "base_url: ...}`"
            )
        if served and not self.is_served:
            raise ValueError(
                "`compute.backend: openai` is for `model.family: served`; the weights of "
                f"`family: {self.model.family}` are computed here"
            )
        return self

    @model_validator(mode="after")
    def _asked_as_a_server_is(self) -> Self:
        problems = []
        if self.is_served and self.templates != OF_PROMPT:
            problems.append("it is asked with the run's prompt: write `templates: prompt`")
        if self.is_served and self.decoding.decode != "generate":
            problems.append("a server gives no likelihoods of choices: write `decode: generate`")
        if self.is_served and self.mirror is not None:
            problems.append("nothing of it is read here: leave out `mirror`")
        if problems:
            raise ValueError(f"`model.family: served`: {'; '.join(problems)}")
        return self

    @model_validator(mode="after")
    def _quantised_weights_are_pretrained(self) -> Self:
        method = self.training.method if self.training else None
        if method == "qlora" and self.model.source is None:
            raise ValueError("`training.method: qlora` needs pretrained weights: `model.source`")
        return self


class TrainedConf(StudentConf):
    """A student that is trained here, as `trained_here` gives it."""

    model: StudentModel
    training: Training
    compute: StudentCompute = StudentCompute()


def trained_here(conf: StudentConf, what: str) -> TrainedConf:
    """The student as one whose weights are here; else an error names `what` needs them."""
    if conf.is_served:
        raise StillhouseError(
            f"{what} needs the student's weights, and those of `model.family: served` are "
            "elsewhere. Choose a `student` that is trained here."
        )
    return TrainedConf.model_construct(**vars(conf))


def served_teacher(
    model: ServedModel, decoding: StudentDecoding, compute: OpenAICompute, price: Price
) -> TeacherConf:
    """A model that is served, to be asked as a teacher is: greedily, and through the store.

    Stop strings are not sent: they cut its replies here, as they cut what a student writes here.
    """
    return TeacherConf(
        description=f"{model.name}, a student that is served",
        model=Model(name=model.name, source=model.source),
        format="chat",
        context=MOST,
        decoding=Decoding(max_tokens=decoding.max_tokens),
        compute=compute,
        price=price,
    )
