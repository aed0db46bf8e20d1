"""`conf/dataset/*.yaml`: where the rows are, and how a row becomes a query, a label and more."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stillhouse.config.base import Conf, Expression, Template
from stillhouse.core.errors import did_you_mean
from stillhouse.kinds.registry import known_metric

Task = Literal["multiple_choice", "nli", "math", "classification", "text"]
Metric = Annotated[str, AfterValidator(known_metric)]
"""The name of a kind of answer (`stillhouse.kinds.registry`)."""
SPLITS = ("train", "validation", "test", "unlabelled")
Share = Annotated[float, Field(gt=0, lt=1)]


class Permutation(Conf):
    """A slice of `numpy.random.RandomState(seed).permutation`: how published splits were made."""

    seed: int
    start: Annotated[int, Field(ge=0)] = 0
    stop: Annotated[int, Field(ge=1)]
    order_by: Expression | None = None
    """Sort the raw rows by this expression first, when the source has lost the original order."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start >= self.stop:
            raise ValueError("`start` must be below `stop`")
        return self


class OtherFields(Conf):
    """The templates of `fields` that one split has otherwise."""

    query: Template | None = None
    label: Template | None = None
    id: Template | None = None
    choices: Expression | tuple[Template, ...] | None = None
    rationale: Template | None = None
    group: Template | None = None
    meta: dict[str, Template] | None = None


class Split(Conf):
    """One split: read from a source, or held out from another split."""

    source: str | None = None
    """Where the rows are when not in the dataset's own source."""
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
    fields: OtherFields = OtherFields()
    """Where this split's rows have other columns; a template left out is the dataset's."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.read) == bool(self.hold_out_from):
            raise ValueError("give either `read` or `hold_out_from`")
        if bool(self.hold_out_from) != (self.share is not None):
            raise ValueError("`hold_out_from` and `share` go together")
        if self.hold_out_from and (
            self.source or self.mirror or self.permutation or self.fields.model_fields_set
        ):
            raise ValueError(
                "a held-out split takes its rows from another: no `source`, `mirror`, `fields` or "
                "order"
            )
        return self


class Fields(Conf):
    """Jinja2 templates over a raw row's columns, and `_split`, `_row` (its place, from 0) and,
    where the rows come from files, `_file` (the file's name without its suffix).

    What they give is stripped of outer white space.
    """

    query: Template
    label: Template
    id: Template | None = None
    """Without it a row's id is made from its content, stable under reordering."""
    choices: Expression | tuple[Template, ...] = ()
    """An expression that gives a list, or a list of templates."""
    rationale: Template | None = None
    group: Template | None = None
    """Rows of one group (an NLI premise) stay in one split and may be kept apart in retrieval."""
    meta: dict[str, Template] = Field(default_factory=dict)
    """Texts to keep beside a row, such as its id in the source; no stage reads them."""


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
    """`hf://repo@commit`, `pypi://name==version/path#sha256=...`, or `file:` (docs/sources.md)."""
    splits: dict[str, Split]
    """`train`, and as there are `validation`, `test`, and `unlabelled` (its labels are unread)."""
    task: Task
    fields: Fields
    answer: Answer
    reject: tuple[Reject, ...] = ()
    human_exemplars: str | None = None
    """A JSON Lines file of `query`, `rationale`, `label` written by people, in order of use."""
    exclude_same_group: bool = False
    """Never retrieve a row of the query's own group (NLI: the same premise)."""

    def fields_of(self, split: str) -> Fields:
        """The templates of one split's rows."""
        other = self.splits[split].fields
        changed = {name: getattr(other, name) for name in other.model_fields_set}
        return self.fields.model_copy(update=changed)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if "train" not in self.splits:
            raise ValueError("`splits` must have a `train` split")
        for name, split in self.splits.items():
            if name not in SPLITS:
                raise ValueError(f"unknown split `{name}`.{did_you_mean(name, SPLITS)}")
            if split.hold_out_from and not (
                split.hold_out_from in self.splits and self.splits[split.hold_out_from].read
            ):
                raise ValueError(f"split `{name}` must be held out from a split that is read")
        if self.answer.metric == "choice" and not self.fields.choices:
            raise ValueError("metric `choice` needs `fields.choices`")
        return self
