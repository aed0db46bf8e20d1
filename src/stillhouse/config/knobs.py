"""The headline knobs of `params.yaml`: flat, so that `dvc exp run -S k=10` works."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from stillhouse.config.base import Conf

Fraction = Annotated[float, Field(gt=0, le=1)]
Exemplars = Literal["topk", "random", "human", "none"]
LabelSource = Literal["gold", "teacher"]
LabelFilter = Literal["none", "correct"]
RationaleSource = Literal["teacher", "gold", "none"]
RationaleFilter = Literal["none", "consistent"]
Feedback = Literal["none", "hard", "wrong", "mixed"]
FeedbackStudent = Literal["untrained"] | Fraction


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
    exemplars: Exemplars
    k: Annotated[int, Field(ge=0)]
    exemplar_seed: int
    fraction: Fraction
    label_source: LabelSource
    label_filter: LabelFilter
    rationale_source: RationaleSource
    rationale_filter: RationaleFilter
    feedback: Feedback
    feedback_student: FeedbackStudent
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
