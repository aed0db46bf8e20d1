"""`conf/augment/*.yaml`: how new questions are asked for, and which of them are kept."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Template
from stillhouse.config.teacher import Decoding
from stillhouse.core.templates import unknown_names

NAMES = frozenset({"query", "task", "metric", "choices"})
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class QuestionPrompt(Conf):
    """The prompt that asks for one new question; sees the seed's `query` and `choices`, the
    dataset's `task` and its `metric`, and never a label.
    """

    system: Template = ""
    prompt: Template


class QuestionPrompts(Conf):
    """One prompt for seeds that the student finds hard, one for those that it finds easy."""

    hard: QuestionPrompt
    """Also for seeds of which nothing is known (`feedback: none`)."""
    easy: QuestionPrompt


class Filters(Conf):
    """What a new question must be like to be kept."""

    min_words: Count
    max_words: Count
    forbidden: tuple[str, ...] = ()
    """Texts that no question holds, such as words of the prompt that came back."""
    rouge_l: Annotated[float, Field(gt=0, lt=1)]
    """Above this ROUGE-L (F1) with a training question or a kept one it is a near-duplicate."""
    ngram: Count
    """A run of so many words in common with a test or validation question is a leak."""


class Verify(Conf):
    """Which answers to new questions are believed; by default the first one that can be read."""

    samples: Count = 1
    """Answers for each question; with more than one the label of most of them is taken."""
    temperature: Annotated[float, Field(ge=0)] = 0.7
    """Of several samples; a single one is decoded as the teacher's conf says."""
    agreement: Share = 0.5
    """The share of all samples that must give the label."""
    min_score: float | None = None
    """The least that the judge of params.yaml must give to question and answer; null: not asked."""

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("greedy samples are all alike; set a `temperature`, or `samples: 1`")
        return self


class AugmentConf(Conf):
    """One way of making new questions."""

    description: str
    prompts: QuestionPrompts
    decoding: Decoding
    """Of questions; answers are decoded as the teacher's conf says."""
    questions_per_seed: Count
    """The most questions that one seed is asked for; more than one needs a temperature above 0."""
    rounds: Count
    """In every round but the first, the questions of the round before are the seeds."""
    filters: Filters
    verify: Verify

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.decoding.samples != 1:
            raise ValueError("use `questions_per_seed`; `decoding.samples` is 1")
        if self.questions_per_seed > 1 and self.decoding.temperature == 0:
            raise ValueError("greedy questions to one seed are all alike; set a `temperature`")
        if self.filters.min_words > self.filters.max_words:
            raise ValueError("`filters.min_words` is above `filters.max_words`")
        for kind in ("hard", "easy"):
            prompt: QuestionPrompt = getattr(self.prompts, kind)
            for template in (prompt.system, prompt.prompt):
                for problem in unknown_names(template, NAMES):
                    raise ValueError(f"`prompts.{kind}` {problem}")
        return self
