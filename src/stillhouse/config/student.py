"""`conf/student/*.yaml`: the student's weights, its templates, and how it is trained."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Template

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Precision = Literal["float32", "bfloat16"]
Family = Literal["decoder", "encoder_decoder"]

UNTRAINED_KEYS = ("family", "source", "architecture", "tokenizer", "templates", "training")
"""The keys of an entry that decide the student before training."""
TRAINED_KEYS = (*UNTRAINED_KEYS, "method", "lora")
"""Those that decide the trained student; the others only change how it is computed or asked."""


class Lora(Conf):
    """Low-rank adapters through PEFT."""

    rank: Count
    alpha: Count
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: str | tuple[str, ...] = "all-linear"
    """`all-linear`, or the last part of the modules' names, such as `q_proj`."""
    layers: Count | None = None
    """Adapt only the last so many layers of each stack: what lies below needs no backward pass."""


class Templates(Conf):
    """The text of both tasks. `query` templates see `query` and `prefix`."""

    label_prefix: str
    rationale_prefix: str
    query: Template
    target: Template = "{{ target }}"


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
    """Optimisation. Give `epochs` or `steps`, not both."""

    epochs: Positive | None = None
    steps: Count | None = None
    batch_size: Count
    learning_rate: Positive
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Positive = 1.0
    objective: Literal["cross_entropy", "mse"] = "cross_entropy"
    max_query_tokens: Count
    max_target_tokens: Count
    precision: Precision = "float32"
    """bfloat16: autocast over float32 weights. There is no float16, in which T5 v1.1 overflows."""
    saved_precision: Precision = "float32"
    """The type of the saved weights, which is also the one that predictions are computed in."""
    trainable_layers: Count | None = None
    """Train only the last so many layers of each stack; embeddings and the rest stay frozen."""
    validation: Validation | None = None
    """None: train to the end and save the last weights."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either `epochs` or `steps`")
        return self


class Generation(Conf):
    """How the label is predicted."""

    decode: Literal["generate", "choices"] = "generate"
    """Greedy, up to the end-of-sequence token; or the likeliest of the row's choices, whole."""
    max_tokens: Count
    stop: tuple[str, ...] = ()
    """A prediction ends before the first of these, leading white space aside."""


class StudentCompute(Conf):
    """What only changes how the student is computed."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    micro_batch_size: Count | None = None
    """Rows in one forward pass; the loss stays that of the whole batch."""
    eval_batch_size: Count = 32
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, more time, the same loss."""
    checkpoint_minutes: Positive | None = 10.0
    """How much of an interrupted training may be lost. None: keep no checkpoints."""
    launcher: str | None = None
    """What starts several processes, such as `accelerate launch --multi_gpu --num_processes 2`."""


class StudentConf(Conf):
    """One student."""

    description: str
    family: Family
    source: str | None = None
    """Pretrained weights (and the tokenizer). None: random weights from `architecture`."""
    mirror: str | None = None
    architecture: dict[str, Any] | None = None
    """Hugging Face configuration values, for a student with random weights of any size."""
    tokenizer: str | None = None
    """Where the tokenizer comes from when the weights are random."""
    method: Literal["full", "lora", "qlora"] = "full"
    """All weights; low-rank adapters; or these over weights in four bits (Dettmers et al. 2023)."""
    lora: Lora | None = None
    templates: Templates
    training: Training
    generation: Generation
    compute: StudentCompute = StudentCompute()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if (self.source is None) == (self.architecture is None):
            raise ValueError("give either `source` (pretrained) or `architecture` (random weights)")
        if self.architecture is not None and self.tokenizer is None:
            raise ValueError("`architecture` needs a `tokenizer` source")
        if (self.method != "full") != (self.lora is not None):
            raise ValueError("`method: lora` or `qlora` and a `lora` section go together")
        if self.method != "full" and self.training.trainable_layers is not None:
            raise ValueError("`training.trainable_layers` is for `method: full`; use `lora.layers`")
        if self.method == "qlora" and self.source is None:
            raise ValueError("`method: qlora` needs pretrained weights: give a `source`")
        return self
