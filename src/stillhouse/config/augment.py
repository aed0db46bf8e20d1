"""`conf/augment/*.yaml`: how new queries are asked for, and which of them are kept."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Mark, Share, Template, Text, Written, require_shown
from stillhouse.config.teacher import Decoding, Temperature
from stillhouse.core.templates import unknown_names

NAMES = frozenset({"query", "task", "metric", "choices"})
MOST_PER_SEED = 1_000
MOST_ROUNDS = 100
MOST_SAMPLES = 1_000
MOST_WORDS = 100_000
Words = Annotated[int, Field(ge=1, le=MOST_WORDS)]


class QueryPrompt(Conf):
    """The prompt that asks for one new query; sees the seed's `query` and `choices`, the
    dataset's `task` and its `metric`, and never a label.
    """

    system: Template = ""
    prompt: Written

    @model_validator(mode="after")
    def _shows_the_seed(self) -> Self:
        require_shown(self.prompt, "query", "prompt")
        return self

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        problems = [
            f"`{field}` {problem}"
            for field in ("system", "prompt")
            for problem in unknown_names(getattr(self, field), NAMES)
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


class QueryPrompts(Conf):
    """One prompt for seeds that the student finds hard, one for those that it finds easy."""

    hard: QueryPrompt
    """Also for seeds of which nothing is known (`feedback: none`)."""
    easy: QueryPrompt


class Filters(Conf):
    """What a new query must be like to be kept."""

    min_words: Words
    max_words: Words
    forbidden: tuple[Mark, ...] = ()
    """Texts that no query holds, such as words of the prompt that came back."""
    rouge_l: Annotated[float, Field(gt=0, lt=1)]
    """Above this ROUGE-L (F1) with a training query or a kept one it is a near-duplicate."""
    ngram: Words
    """A run of so many words in common with a test or validation query is a leak."""

    @model_validator(mode="after")
    def _some_length_passes(self) -> Self:
        if self.min_words > self.max_words:
            raise ValueError("`min_words` is above `max_words`, so no query passes")
        return self


class Verify(Conf):
    """Which labels of new queries are believed; by default the first one that can be read."""

    samples: Annotated[int, Field(ge=1, le=MOST_SAMPLES)] = 1
    """Completions for each query; with more than one the label of most of them is taken."""
    temperature: Temperature = 0.7
    """Of several samples; a single one is decoded as the teacher's entry says."""
    agreement: Share = 0.5
    """The share of all samples that must give the label."""
    min_score: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None
    """The least that the judge of params.yaml must give to query and label; null: not asked."""

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("greedy samples are all alike; set a `temperature`, or `samples: 1`")
        return self


class AugmentConf(Conf):
    """One way of making new queries."""

    description: Text
    prompts: QueryPrompts
    decoding: Decoding
    """Of queries; labels are decoded as the teacher's entry says."""
    queries_per_seed: Annotated[int, Field(ge=1, le=MOST_PER_SEED)]
    """The most queries that one seed is asked for; more than one needs a temperature above 0."""
    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)]
    """With feedback the student is trained again between rounds, and the rows that it then finds
    hard are the next seeds; without, the queries of the round before are."""
    filters: Filters
    verify: Verify

    @model_validator(mode="after")
    def _one_query_a_request(self) -> Self:
        if self.decoding.samples != 1:
            raise ValueError("use `queries_per_seed`; `decoding.samples` is 1")
        return self

    @model_validator(mode="after")
    def _room_for_a_query(self) -> Self:
        if self.decoding.max_tokens < self.filters.min_words:
            raise ValueError(
                f"`decoding.max_tokens` is {self.decoding.max_tokens}, too few for a query of "
                f"`filters.min_words`, {self.filters.min_words}"
            )
        return self

    @model_validator(mode="after")
    def _queries_differ(self) -> Self:
        if self.queries_per_seed > 1 and self.decoding.temperature == 0:
            raise ValueError("greedy queries to one seed are all alike; set a `temperature`")
        return self
