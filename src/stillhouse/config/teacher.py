"""`conf/teacher/*.yaml`: a teacher's identity, its decoding, and how it is run."""

from typing import Annotated, Literal

from pydantic import Field

from stillhouse.config.base import Conf

Backend = Literal["transformers", "recorded", "scripted"]


class Model(Conf):
    """Which model answers: the name for people, and the pinned source that identifies it."""

    name: str
    source: str
    mirror: str | None = None


class Decoding(Conf):
    """How an answer is decoded; `temperature: 0` is greedy."""

    temperature: Annotated[float, Field(ge=0)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)]
    stop: tuple[str, ...] = ()
    samples: Annotated[int, Field(ge=1)] = 1
    seed: int = 0


class TeacherCompute(Conf):
    """What only changes how answers are computed, never which answer is asked for."""

    backend: Backend
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_tokens: Annotated[int, Field(ge=1)] = 16_384
    """Tokens in a batch, prompt and answer, padding included."""


class Price(Conf):
    """Money per million tokens."""

    currency: str = "USD"
    prompt: Annotated[float, Field(ge=0)] = 0.0
    completion: Annotated[float, Field(ge=0)] = 0.0


class TeacherConf(Conf):
    """One teacher."""

    description: str
    model: Model
    format: Literal["chat", "plain"]
    """`chat`: the model's chat template over messages. `plain`: messages as text."""
    context: Annotated[int, Field(ge=1)]
    """The most tokens of prompt and answer together."""
    decoding: Decoding
    compute: TeacherCompute
    price: Price = Price()
