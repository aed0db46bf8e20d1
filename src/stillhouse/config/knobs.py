"""The headline knobs of `params.yaml`: flat, so that `dvc exp run -S k=10` works."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stillhouse.config.base import MOST, Conf, Count, Seed, Share, Text, known_or_own

Fraction = Share
Exemplars = Literal["topk", "random", "human", "none"]
LabelSource = Literal["gold", "teacher"]
LabelFilter = Annotated[str, AfterValidator(known_or_own(("none", "correct")))]
"""Which rows are left out for their labels; or a function of the project's own that keeps rows."""
RationaleSource = Literal["teacher", "gold", "none"]
RationaleFilter = Annotated[str, AfterValidator(known_or_own(("none", "consistent")))]
"""Which rationales are left out; or a function of the project's own that keeps them."""
Feedback = Literal["none", "hard", "wrong", "mixed"]
ZeroShot = Annotated[str, Field(pattern=r"^(teacher|student):[\w.-]+$")]
"""Who is asked, the run's teacher or its untrained student, and with which prompt's entry."""
FeedbackStudent = Literal["untrained"] | Fraction

MOST_EXEMPLARS = 10_000
MOST_WEIGHT = 1_000.0
MOST_SEEDS = 1_000


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) != len(seeds):
        raise ValueError("every seed must occur once")
    return seeds


def _once(named: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(named)) != len(named):
        raise ValueError("every model and prompt must occur once")
    return named


class Recipe(Conf):
    """The knobs that make a student; each of the first group names an entry of `conf/`."""

    dataset: Text
    embedder: Text
    prompt: Text
    teacher: Text
    student: Text
    judge: Text
    augment: Text
    search: Text

    limit: Count | None
    exemplars: Exemplars
    k: Annotated[int, Field(ge=0, le=MOST_EXEMPLARS)]
    exemplar_seed: Seed
    fraction: Fraction
    label_source: LabelSource
    label_filter: LabelFilter
    rationale_source: RationaleSource
    rationale_filter: RationaleFilter
    feedback: Feedback
    feedback_student: FeedbackStudent
    tau: Annotated[float, Field(ge=0, le=MOST_WEIGHT)]
    hard_at_tau: bool
    hard_share: Annotated[float, Field(ge=0, le=1)]
    real: bool
    synthetic: Annotated[int, Field(ge=0, le=MOST)]
    lambda_: Annotated[float, Field(ge=0, le=MOST_WEIGHT, alias="lambda")]

    @model_validator(mode="after")
    def _rows_to_train_on(self) -> Self:
        if not self.real and not self.synthetic:
            raise ValueError(
                "`real` is false and `synthetic` is 0, so there is nothing to train on; set "
                "`synthetic`, or `real: true`"
            )
        return self

    @model_validator(mode="after")
    def _rationales_to_weigh(self) -> Self:
        if self.rationale_source == "none" and self.lambda_ > 0:
            raise ValueError(
                f"`lambda` is {self.lambda_:g}, but `rationale_source: none` gives no rationale "
                "that it could weigh; set `lambda: 0` to train on labels alone, or another "
                "`rationale_source`"
            )
        return self

    @model_validator(mode="after")
    def _feedback_is_used(self) -> Self:
        if self.feedback != "none" and not self.synthetic:
            raise ValueError(
                f"`feedback: {self.feedback}` says which rows new queries start from, but "
                "`synthetic` is 0, so none are made; set `synthetic`, or `feedback: none`"
            )
        return self

    @model_validator(mode="after")
    def _exemplars_within_the_limit(self) -> Self:
        retrieved = self.exemplars in ("topk", "random")
        if retrieved and self.limit is not None and self.k >= self.limit:
            raise ValueError(
                f"`k` is {self.k}, but `limit` leaves {self.limit} rows, and a row is not its own "
                "exemplar; lower `k`, or raise `limit`"
            )
        return self

    @model_validator(mode="after")
    def _fraction_of_the_limit(self) -> Self:
        if self.limit is not None and self.limit * self.fraction < 0.5:
            raise ValueError(
                f"`fraction` is {self.fraction:g}, which is no row of the {self.limit} that "
                "`limit` leaves; raise one of them"
            )
        return self


class Knobs(Recipe):
    """Every key of `params.yaml`."""

    complexity: bool
    """Whether a judge rates how complex the test questions are."""
    gold_student: bool
    """Whether a student is trained on the gold labels alone, as well."""
    zero_shot: Annotated[tuple[ZeroShot, ...], AfterValidator(_once)]
    seeds: Annotated[
        tuple[Seed, ...], Field(min_length=1, max_length=MOST_SEEDS), AfterValidator(_distinct)
    ]
