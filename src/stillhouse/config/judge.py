"""`conf/judge/*.yaml`: what a judge is shown, how it says its scores, and which model judges."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Template
from stillhouse.config.teacher import Decoding, Model, Price, TeacherCompute, TeacherConf
from stillhouse.core.templates import unknown_names

Form = Literal["pairwise", "reference", "answer", "query"]

NAMES: dict[Form, frozenset[str]] = {
    "pairwise": frozenset({"query", "answer_1", "answer_2"}),
    "reference": frozenset({"query", "answer", "reference"}),
    "answer": frozenset({"query", "answer", "history"}),
    "query": frozenset({"query"}),
}
"""What the templates of each form see."""

VERDICT_KEYS = ("form", "system", "prompt", "markers", "scale", "words", "teacher", "decoding")
"""The keys of an entry that change a verdict; the others only change how it is computed."""


class JudgeModel(Conf):
    """Which model judges, as a teacher's entry says it."""

    model: Model
    format: Literal["chat", "plain"]
    context: Annotated[int, Field(ge=1)]


class JudgeConf(Conf):
    """One judge.

    `form` is what it is shown: two answers side by side (`pairwise`), an answer and the right one
    (`reference`), an answer alone, with the chat before it where there is one (`answer`), or
    nothing but the question (`query`).
    """

    description: str
    form: Form
    system: Template
    prompt: Template
    """Sees `query` and, by form, `answer_1` and `answer_2`; `answer` and `reference`; `answer` and
    `history` (turns with `role` and `content`)."""
    markers: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """What the judge writes before each score: two for `pairwise`, else one."""
    scale: tuple[float, float]
    """The lowest and the highest score; a number outside is no verdict."""
    words: dict[str, float]
    """Words that stand for scores, such as `correct: 1`; with any, digits are no verdict."""
    teacher: JudgeModel | None
    """The model that judges; null: the one that `teacher` in params.yaml names."""
    decoding: Decoding
    compute: TeacherCompute | None = None
    """How the judge is run; null: as the teacher is."""
    price: Price = Price()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        wanted = 2 if self.form == "pairwise" else 1
        if len(self.markers) != wanted:
            raise ValueError(f"a judge of the form `{self.form}` has {wanted} `markers`")
        low, high = self.scale
        if low >= high:
            raise ValueError("`scale` goes from the lowest score to the highest")
        if any(not low <= score <= high for score in self.words.values()):
            raise ValueError("a score of `words` lies outside `scale`")
        if self.decoding.samples > 1:
            raise ValueError("a judge gives one verdict: `decoding.samples` is 1")
        if self.teacher and not self.compute:
            raise ValueError("a judge with a model of its own needs `compute` to run it")
        return self

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        for field in ("system", "prompt"):
            for problem in unknown_names(getattr(self, field), NAMES[self.form]):
                raise ValueError(f"`{field}` {problem}")
        return self


def judging_model(judge: JudgeConf, teacher: TeacherConf) -> TeacherConf:
    """The model that judges, with the judge's own decoding: a teacher like any other.

    Both may be a stage's view of their entries.
    """
    model = judge.teacher or teacher
    return TeacherConf(
        description=f"{model.model.name} as a judge",
        model=model.model,
        format=model.format,
        context=model.context,
        decoding=judge.decoding,
        compute=judge.compute or teacher.compute,
        price=judge.price if judge.teacher else teacher.price,
    )
