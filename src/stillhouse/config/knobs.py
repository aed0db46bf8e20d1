"""The headline knobs of `params.yaml`: flat, so that `dvc exp run -S k=10` works."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from stillhouse.config.base import Conf

Fraction = Annotated[float, Field(gt=0, le=1)]


class Recipe(Conf):
    """The knobs that make a student; each of the first group names an entry of `conf/`."""

    dataset: str
    embedder: str
    prompt: str
    teacher: str
    student: str
    judge: str
    augment: str

    limit: Annotated[int, Field(ge=1)] | None
    exemplars: Literal["topk", "random", "human", "none"]
    k: Annotated[int, Field(ge=0)]
    exemplar_seed: int
    fraction: Fraction
    label_source: Literal["gold", "teacher"]
    label_filter: Literal["none", "correct"]
    rationale_source: Literal["teacher", "gold", "none"]
    rationale_filter: Literal["none", "consistent"]
    feedback: Literal["none", "hard", "wrong", "mixed"]
    feedback_student: Literal["untrained"] | Fraction
    tau: Annotated[float, Field(ge=0)]
    hard_at_tau: bool
    hard_share: Annotated[float, Field(ge=0, le=1)]
    real: bool
    synthetic: Annotated[int, Field(ge=0)]
    lambda_: Annotated[float, Field(ge=0, alias="lambda")]


class Knobs(Recipe):
    """Every key of `params.yaml`."""

    seeds: Annotated[tuple[int, ...], Field(min_length=1)]

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError("every seed must occur once")
        return seeds
