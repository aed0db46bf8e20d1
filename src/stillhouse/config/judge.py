"""`conf/judge/*.yaml`: what a judge is shown, how it says its scores, and which model judges."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Count, Mark, Template, Text, Written
from stillhouse.config.compute import TeacherCompute
from stillhouse.config.teacher import Decoding, Model, Price, TeacherConf
from stillhouse.core.templates import names_used, unknown_names

Form = Literal["pairwise", "reference", "answer", "query"]

NAMES: dict[Form, frozenset[str]] = {
    "pairwise": frozenset({"query", "answer_1", "answer_2"}),
    "reference": frozenset({"query", "answer", "reference"}),
    "answer": frozenset({"query", "answer", "history"}),
    "query": frozenset({"query"}),
}
"""What the templates of each form see."""

Score = Annotated[float, Field(ge=-1e6, le=1e6)]


class JudgeModel(Conf):
    """Which model judges, as a teacher's entry says it."""

    model: Model
    format: Literal["chat", "plain"]
    context: Count


class JudgeConf(Conf):
    """One judge.

    `form` is what it is shown: two answers side by side (`pairwise`), an answer and the right one
    (`reference`), an answer alone, with the chat before it where there is one (`answer`), or
    nothing but the query (`query`).
    """

    UNTRACKED: ClassVar = frozenset({"compute", "price"})

    description: Text
    form: Form
    system: Template
    prompt: Written
    """Sees `query` and, by form, `answer_1` and `answer_2`; `answer` and `reference`; `answer` and
    `history` (turns with `role` and `content`)."""
    markers: Annotated[tuple[Mark, ...], Field(min_length=1)]
    """What the judge writes before each score: two for `pairwise`, else one."""
    scale: tuple[Score, Score]
    """The lowest and the highest score; a number outside is no verdict."""
    words: dict[Text, Score]
    """Words that stand for scores, such as `correct: 1`; with any, digits are no verdict."""
    teacher: JudgeModel | None
    """The model that judges; null: the one that `teacher` in params.yaml names."""
    decoding: Decoding
    compute: TeacherCompute | None = None
    """How the judge is run; null: as the teacher is."""
    price: Price = Price()

    @model_validator(mode="after")
    def _a_marker_for_each_score(self) -> Self:
        wanted = 2 if self.form == "pairwise" else 1
        if len(self.markers) != wanted:
            raise ValueError(f"a judge of the form `{self.form}` has {wanted} `markers`")
        if len(set(self.markers)) < wanted:
            raise ValueError("the two `markers` have to differ, or the scores are one")
        return self

    @model_validator(mode="after")
    def _scale_goes_up(self) -> Self:
        low, high = self.scale
        if low >= high:
            raise ValueError("`scale` goes from the lowest score to the highest")
        return self

    @model_validator(mode="after")
    def _words_within_the_scale(self) -> Self:
        low, high = self.scale
        if any(not low <= score <= high for score in self.words.values()):
            raise ValueError("a score of `words` lies outside `scale`")
        return self

    @model_validator(mode="after")
    def _words_tell_apart(self) -> Self:
        if self.words and len(set(self.words.values())) == 1:
            raise ValueError("all `words` stand for one score, so a verdict says nothing")
        return self

    @model_validator(mode="after")
    def _room_for_the_verdict(self) -> Self:
        # A token is seldom more than a word, and never more than one with a space in it.
        least = sum(len(marker.split()) + 1 for marker in self.markers)
        if self.decoding.max_tokens < least:
            raise ValueError(
                f"`decoding.max_tokens` is {self.decoding.max_tokens}, too few to write the "
                f"`markers` and the scores: at least {least}"
            )
        return self

    @model_validator(mode="after")
    def _one_verdict(self) -> Self:
        if self.decoding.samples > 1:
            raise ValueError("a judge gives one verdict: `decoding.samples` is 1")
        return self

    @model_validator(mode="after")
    def _own_model_is_run_somehow(self) -> Self:
        if self.teacher and not self.compute:
            raise ValueError("a judge with a model of its own needs `compute` to run it")
        return self

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        problems = [
            f"`{field}` {problem}"
            for field in ("system", "prompt")
            for problem in unknown_names(getattr(self, field), NAMES[self.form])
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _shows_what_is_judged(self) -> Self:
        shown = names_used(self.system) | names_used(self.prompt)
        unseen = sorted(NAMES[self.form] - {"history"} - shown)
        if unseen:
            raise ValueError(f"`prompt` never shows {' and '.join(f'`{n}`' for n in unseen)}")
        return self


def judging_model(judge: JudgeConf, teacher: TeacherConf | None) -> TeacherConf:
    """The model that judges, with the judge's own decoding: a teacher like any other.

    Both may be a stage's view of their entries.
    """
    model = judge.teacher or teacher
    compute = judge.compute or (teacher.compute if teacher else None)
    assert model and compute
    return TeacherConf(
        description=f"{model.model.name} as a judge",
        model=model.model,
        format=model.format,
        context=model.context,
        decoding=judge.decoding,
        compute=compute,
        price=judge.price if judge.teacher or not teacher else teacher.price,
    )
