"""`conf/student/*.yaml`: the student's weights, its templates, and how it is trained."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Template

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Lora(Conf):
    """Low-rank adapters through PEFT."""

    rank: Count
    alpha: Count
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: str | tuple[str, ...] = "all-linear"


class Templates(Conf):
    """The text of both tasks. `query` templates see `query` and `prefix`."""

    label_prefix: str
    rationale_prefix: str
    query: Template
    target: Template = "{{ target }}"


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
    precision: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either `epochs` or `steps`")
        return self


class Generation(Conf):
    """Greedy decoding of the label."""

    max_tokens: Count


class StudentCompute(Conf):
    """What only changes how the student is computed."""

    device: str = "auto"
    micro_batch_size: Count | None = None
    eval_batch_size: Count = 32


class StudentConf(Conf):
    """One student."""

    description: str
    family: Literal["decoder", "encoder_decoder"]
    source: str | None = None
    """Pretrained weights (and the tokenizer). None: random weights from `architecture`."""
    mirror: str | None = None
    architecture: dict[str, Any] | None = None
    """Hugging Face configuration values, for a student with random weights of any size."""
    tokenizer: str | None = None
    """Where the tokenizer comes from when the weights are random."""
    method: Literal["full", "lora"] = "full"
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
        if (self.method == "lora") != (self.lora is not None):
            raise ValueError("`method: lora` and a `lora` section go together")
        return self
