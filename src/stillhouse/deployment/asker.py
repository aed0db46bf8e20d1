"""A trained student, loaded once from its folder, and asked any number of times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhouse.config.dataset import UNLABELLED
from stillhouse.config.student import Asked, StudentCompute, StudentDecoding
from stillhouse.core import paths
from stillhouse.core.conversation import (
    USER,
    NoConversationError,
    canonical,
    read_messages,
    read_query,
)
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.text import whole
from stillhouse.ingest.empty import Reading, is_empty
from stillhouse.ingest.files import RawRow
from stillhouse.ingest.problems import Problems
from stillhouse.ingest.rows import make_row
from stillhouse.students.folder import load_student, read_manifest
from stillhouse.students.serving import Serving, read_serving, shown_score

if TYPE_CHECKING:
    from stillhouse.students.folder import Student

QUERY, CHOICES = "query", "choices"
"""The columns of a table whose queries are written already."""


@dataclass(frozen=True)
class Query:
    """What a student is asked, or why it cannot be."""

    text: str
    choices: tuple[str, ...] = ()
    problem: str | None = None
    """Of a row that no query can be made of, such as an empty one."""
    before: tuple[str, ...] | None = None
    """In a chat the replies so far, so that the last turn alone is asked; None: all turns are, on
    the student's own replies, and the prediction is the list of these."""


@dataclass(frozen=True)
class Answer:
    """What a student says of one query; nothing but the problem where it could not be asked."""

    prediction: str | None = None
    score: float | None = None
    """The probability of the prediction: among its choices, else of its whole text."""
    rationale: str | None = None
    truncated: bool = False
    """Whether the query's end was cut off."""
    tokens: tuple[int, int] = (0, 0)
    """Of the prompt and of the prediction."""
    problem: str | None = None


class Asker:
    """A student's folder, ready to be asked; the weights are read with the first question."""

    def __init__(self, folder: Path, compute: StudentCompute, *, raw: bool = False) -> None:
        """`raw`: queries come as the dataset writes them, and no template is filled in."""
        self.folder, self.compute = folder, compute
        self.model = model_folder(folder)
        self.manifest = read_manifest(self.model)
        self.serving: Serving | None = read_serving(folder)
        self.raw = raw or self.serving is None

    @cached_property
    def student(self) -> "Student":
        """The model and its text."""
        return load_student(self.model)

    @property
    def chats(self) -> bool:
        """Whether it replies to conversations, turn by turn."""
        templates = self.manifest.templates
        return isinstance(templates, Asked) and templates.chat

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a query is made of."""
        return (QUERY,) if self.raw or self.serving is None else self.serving.columns

    @property
    def scores(self) -> str:
        """What scores are, in a few words."""
        if self.chats:
            return "replies have no score"
        if self.serving is None or not self.serving.choices:
            return "scores are probabilities of the whole text, not calibrated"
        if self.serving.calibration is None:
            return "scores are not calibrated: the dataset has too few validation rows, or none"
        rows = self.serving.calibration.validation_rows
        return f"scores are calibrated on {rows:,} validation rows"

    def require_rationales(self) -> None:
        """Fail where the student has never learnt to give a rationale."""
        if not self.manifest.training.get("rationales"):
            raise StillhouseError(
                f"The student in {self.folder} was trained on labels alone and has no rationales "
                "to give. Leave out --rationale, or train one with `lambda` above 0."
            )

    def of_text(self, text: str) -> Query:
        """The query of a text: the student's one column, or, if `raw`, the query itself; where it
        chats, the user's first turn.
        """
        if self.chats:
            return self.of_messages([{"role": USER, "content": text}])
        if len(self.columns) != 1:
            raise StillhouseError(
                f"A query is made of {len(self.columns)} columns: {', '.join(self.columns)}. Give "
                "a table that has them (--file), or objects of JSON (--jsonl); or, with --raw, "
                "the query as the dataset writes it."
            )
        return self.of_row({self.columns[0]: text}, "the text")

    def of_row(self, values: Mapping[str, Any], where: str) -> Query:
        """The query of a row as the dataset's source has it; `where` is its place, for messages."""
        given = whole(dict(values))
        return self._written(given) if self.raw else self._made(given, where)

    def of_messages(self, messages: object) -> Query:
        """The query of a chat so far, whose last message the student replies to."""
        try:
            conversation = read_messages(whole(messages))
        except NoConversationError as error:
            return Query("", problem=str(error))
        if len(conversation.replies) == len(conversation.turns):
            return Query("", problem="the last message is not the user's")
        return Query(conversation.query, before=conversation.replies)

    def as_written(self, text: str) -> Query:
        """The query of a text that is one already, as the dataset writes it."""
        return self._written({QUERY: text})

    def _written(self, values: Mapping[str, Any]) -> Query:
        text, choices = values.get(QUERY), values.get(CHOICES) or ()
        if not isinstance(text, str | int | float) or not str(text).strip():
            return Query("", problem=f"its `{QUERY}` is empty" if text else f"has no `{QUERY}`")
        if not isinstance(choices, list | tuple):
            return Query("", problem=f"its `{CHOICES}` are no list")
        if self.chats:
            try:
                return Query(read_query(str(text)).query)
            except NoConversationError:
                return self.of_messages([{"role": USER, "content": str(text)}])
        labels = (self.serving.labels if self.serving else None) or ()
        return Query(str(text), tuple(map(str, choices)) or labels)

    def _made(self, values: Mapping[str, Any], where: str) -> Query:
        assert self.serving is not None
        if empty := next((name for name in self._needed if is_empty(values.get(name, ...))), None):
            return Query("", problem=f"empty `{empty}`")
        problems = Problems()
        raw = RawRow(where, {"_split": UNLABELLED, **values})
        row = make_row(self.serving.fields, raw, UNLABELLED, problems)
        if problem := problems.first():
            missing = next((name for name in self.columns if name not in values), None)
            near = did_you_mean(missing, values).rstrip(".") if missing and values else ""
            return Query("", problem=f"no column `{missing}`.{near}" if missing else problem)
        assert row is not None
        return Query(row["query"], tuple(row["choices"]))

    @cached_property
    def _needed(self) -> tuple[str, ...]:
        """The columns that may not be empty, as `ingest` rejects rows."""
        assert self.serving is not None
        return Reading.of(self.serving.fields, labelled=False).required

    def answers(self, queries: Sequence[Query], *, rationale: bool = False) -> list[Answer]:
        """The student's answers in order of the queries, labels decoded as the test rows' were.

        Where that chose among the row's choices, queries without choices are decoded freely.
        """
        asked = {str(n): each for n, each in enumerate(queries) if each.problem is None}
        found: dict[str, Answer] = {}
        if self.chats:
            found, asked = self._replied(asked), {}
        for with_choices in (True, False):
            part = {n: each for n, each in asked.items() if bool(each.choices) == with_choices}
            if part:
                found |= self._answered(part, with_choices=with_choices, rationale=rationale)
        return [found.get(str(n)) or Answer(problem=each.problem) for n, each in enumerate(queries)]

    def _replied(self, queries: Mapping[str, Query]) -> dict[str, Answer]:
        from stillhouse.students.rollout import converse

        texts = {n: each.text for n, each in queries.items()}
        before = {n: each.before or () for n, each in queries.items()}
        found = converse(
            self.student, texts, self._decoding, self.compute, before=before, quiet=True
        )
        answers = {}
        for n, query in queries.items():
            answered, said = found[n], found[n].texts
            left = answered.turns - len(said)
            if query.before is not None and left:
                limit = self.manifest.max_query_tokens
                told = f"the chat so far is longer than the student sees (max_query_tokens {limit})"
                answers[n] = Answer(problem=told)
                continue
            answers[n] = Answer(
                prediction=canonical(said) if query.before is None else said[-1],
                truncated=answered.truncated or left > 0,
                tokens=answered.tokens,
            )
        return answers

    def _answered(
        self, queries: Mapping[str, Query], *, with_choices: bool, rationale: bool
    ) -> dict[str, Answer]:
        from stillhouse.evaluate.calibration import score_of
        from stillhouse.students.predict import predict_answers, predict_rationales

        texts = {n: each.text for n, each in queries.items()}
        choices = {n: each.choices for n, each in queries.items()}
        student, decoding = self.student, self._decoding
        if not with_choices and decoding.decode == "choices":
            decoding = decoding.model_copy(update={"decode": "generate"})
        labels = predict_answers(student, texts, decoding, self.compute, choices, quiet=True)
        reasons = predict_rationales(student, texts, self.compute, quiet=True) if rationale else {}
        answers = {}
        for n, query in queries.items():
            score = score_of(labels[n], query.choices, self._temperature)
            answers[n] = Answer(
                prediction=labels[n].label,
                score=None if score is None else shown_score(score),
                rationale=reasons.get(n),
                truncated=labels[n].truncated,
                tokens=(labels[n].tokens, len(student.text.target(labels[n].label))),
            )
        return answers

    @property
    def _decoding(self) -> StudentDecoding:
        if self.serving is not None:
            return self.serving.decoding
        return StudentDecoding(max_tokens=self.manifest.max_target_tokens)

    @property
    def _temperature(self) -> float:
        calibration = self.serving.calibration if self.serving else None
        return calibration.temperature if calibration else 1.0


def model_folder(folder: Path) -> Path:
    """Where the model of a student's folder lies: in `model/`, or in the folder itself."""
    for model in (folder / paths.MODEL, folder):
        if (model / paths.MANIFEST).is_file():
            return model
    if not folder.is_dir():
        near = [path.name for path in folder.parent.glob("[!.]*") if path.is_dir()]
        raise StillhouseError(
            f"There is no folder {folder}.{did_you_mean(folder.name, near) if near else ''} Give a "
            "student's with --student; `dvc repro` trains a student, `dvc pull` fetches one."
        )
    raise StillhouseError(
        f"{folder} holds no trained student: neither it nor its {paths.MODEL}/ has a "
        f"{paths.MANIFEST}. `dvc repro` trains one, `dvc pull` fetches one."
    )
