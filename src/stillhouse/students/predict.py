"""Prediction of labels, in batches of similar length: decoded greedily, or chosen."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import numpy as np

from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import progress
from stillhouse.students.folder import Student, greedy
from stillhouse.students.text import Task, TokenSequence
from stillhouse.students.weights import output_layer

T = TypeVar("T")
Choices = Mapping[str, Sequence[str]]
Prompts = Mapping[str, Sequence[int]]
Predict = Callable[[Sequence[str]], Iterable[T]]


@dataclass(frozen=True)
class Answered:
    """A student's label for a query, and what it thinks of every label that it might have given."""

    label: str
    likelihoods: tuple[float, ...]
    """The log-probability of each of the row's choices, in their order; without choices, that of
    the label itself."""
    tokens: int = 0
    """Of the prompt."""
    truncated: bool = False
    """Whether the query's end was cut off."""


@dataclass(frozen=True)
class Reply:
    """What a student generated behind a prompt, and whether it ended it by itself."""

    text: str
    ended: bool


def predict_replies(
    student: Student,
    prompts: Prompts,
    decoding: StudentDecoding,
    compute: StudentCompute,
    title: str | None = None,
) -> dict[str, Reply]:
    """What the student generates behind each prompt's tokens, by id; `title` heads the progress."""
    _place(student, compute.device)
    decoded = _decoding(student, prompts, decoding)

    def predict(ids: Sequence[str]) -> list[Reply]:
        return [Reply(draft.label(), draft.ended) for draft in decoded(ids)]

    return _in_batches(prompts, predict, compute.eval_batch_size, title)


def predict_labels(
    student: Student,
    queries: Mapping[str, str],
    decoding: StudentDecoding,
    compute: StudentCompute,
    choices: Choices | None = None,
) -> dict[str, str]:
    """The label that the student gives to each query, by id; never any of the prompt.

    `decode: generate` ends at the end token, before the first stop string that follows its first
    visible character, or after `decoding.max_tokens` tokens. `decode: choices` gives the one of
    the row's `choices` whose tokens, the end token included, are likeliest together.
    """
    prompts = _prompts(student, queries, "label")
    if decoding.decode == "choices":
        given = _require_choices(queries, choices or {})
        found = _likelihoods(student, queries, prompts, given, compute, title="Predict")
        return {id_: _likeliest(given[id_], sums) for id_, sums in found.items()}
    return _generated(student, prompts, decoding, compute, "Predict")


def predict_answers(
    student: Student,
    queries: Mapping[str, str],
    decoding: StudentDecoding,
    compute: StudentCompute,
    choices: Choices,
    *,
    quiet: bool = False,
) -> dict[str, Answered]:
    """Labels as `predict_labels` gives them, with their likelihoods; rows may have no choices.

    Choosing gives both in one pass; after generating there is a second one over the choices, or,
    without any, over the label. `quiet` shows no progress.
    """
    asked = {id_: student.text.prompt(query, "label") for id_, query in queries.items()}
    prompts = {id_: tokens for id_, (tokens, _) in asked.items()}
    titles = (None, None) if quiet else ("Predict", "Score")
    if decoding.decode == "choices":
        given = _require_choices(queries, choices)
        found = _likelihoods(student, queries, prompts, given, compute, title=titles[0])
        labels = {id_: _likeliest(given[id_], sums) for id_, sums in found.items()}
    else:
        labels = _generated(student, prompts, decoding, compute, titles[0])
        given = {id_: choices.get(id_) or (labels[id_],) for id_ in queries}
        found = _likelihoods(student, queries, prompts, given, compute, title=titles[1])
    return {
        id_: Answered(labels[id_], tuple(found[id_]), len(tokens), truncated)
        for id_, (tokens, truncated) in asked.items()
    }


def _generated(
    student: Student,
    prompts: Prompts,
    decoding: StudentDecoding,
    compute: StudentCompute,
    title: str | None,
) -> dict[str, str]:
    _place(student, compute.device)
    predict = _generating(student, prompts, decoding)
    return _in_batches(prompts, predict, compute.eval_batch_size, title)


def _likelihoods(
    student: Student,
    queries: Mapping[str, str],
    prompts: Prompts,
    choices: Choices,
    compute: StudentCompute,
    *,
    title: str | None,
) -> dict[str, list[float]]:
    """The log-probability of each of a row's choices as the whole label, in their order.

    Summed over a choice's tokens, the end token included. The prompt is computed once for all.
    """
    most = max((len(choices[id_]) for id_ in prompts), default=1)
    _place(student, compute.device)
    score = _scoring(student, queries, prompts, choices)
    return _in_batches(prompts, score, max(1, compute.eval_batch_size // most), title)


def predict_rationales(
    student: Student,
    queries: Mapping[str, str],
    compute: StudentCompute,
    *,
    quiet: bool = False,
) -> dict[str, str]:
    """The rationale that the student gives to each query, by id, as long as it was trained to."""
    prompts = _prompts(student, queries, "rationale")
    decoding = StudentDecoding(max_tokens=student.text.max_target_tokens)
    return _generated(student, prompts, decoding, compute, None if quiet else "Explain")


def _prompts(student: Student, queries: Mapping[str, str], task: Task) -> dict[str, list[int]]:
    return {id_: student.text.prompt(query, task)[0] for id_, query in queries.items()}


def _in_batches(
    prompts: Prompts, predict: Predict[T], size: int, title: str | None
) -> dict[str, T]:
    import torch

    # Longest first: a batch that does not fit in memory fails at once, not at the end.
    order = sorted(prompts, key=lambda id_: (-len(prompts[id_]), id_))
    predictions: dict[str, T] = {}
    shown = nullcontext() if title is None else progress(title, len(order))
    with shown as bar, torch.inference_mode():
        for start in range(0, len(order), size):
            ids = order[start : start + size]
            predictions |= dict(zip(ids, predict(ids), strict=True))
            if bar:
                bar.advance(len(ids))
    return predictions


def _place(student: Student, device: str) -> None:
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    student.model.to(device).eval()  # type: ignore[arg-type]
    student.model.generation_config = greedy(student)


def cut(text: str, stop: Sequence[str]) -> str:
    """The text up to the first stop string, white space around it removed."""
    text = text.lstrip()
    for mark in stop:
        text = text.split(mark, 1)[0]
    return text.strip()


@dataclass
class _Draft:
    student: Student
    decoding: StudentDecoding
    random: np.random.Generator
    tokens: list[int] = field(default_factory=list)

    @property
    def _text(self) -> str:
        return self.student.text.decode(self.tokens)

    def take(self, token: int) -> bool:
        self.tokens.append(token)
        if token == self.student.text.end or len(self.tokens) == self.decoding.max_tokens:
            return True
        begun = self._text.lstrip() if self.decoding.stop else ""
        return any(mark in begun for mark in self.decoding.stop)

    @property
    def ended(self) -> bool:
        """Whether it ended before the token limit ended it."""
        begun = self._text.lstrip()
        stopped = any(mark in begun for mark in self.decoding.stop)
        return stopped or self.tokens[-1:] == [self.student.text.end]

    def label(self) -> str:
        return cut(self._text, self.decoding.stop)


def _generating(student: Student, prompts: Prompts, decoding: StudentDecoding) -> Predict[str]:
    decoded = _decoding(student, prompts, decoding)
    return lambda ids: [draft.label() for draft in decoded(ids)]


def _decoding(student: Student, prompts: Prompts, decoding: StudentDecoding) -> Predict[_Draft]:
    from stillhouse.modeling.decoding import decode
    from stillhouse.modeling.sampler import Sampler, stream

    def predict(ids: Sequence[str]) -> list[_Draft]:
        drafts = [_Draft(student, decoding, stream(None)) for _ in ids]
        asked = [prompts[id_] for id_ in ids]
        decode(student.model, asked, drafts, Sampler(), decoding.max_tokens)
        return drafts

    return predict


def _scoring(
    student: Student, queries: Mapping[str, str], prompts: Prompts, choices: Choices
) -> Predict[list[float]]:
    from stillhouse.modeling.fused import cross_entropy
    from stillhouse.students.batches import packed, target_logits

    model, text = student.model, student.text

    def score(ids: Sequence[str]) -> list[list[float]]:
        groups = [
            [
                TokenSequence(tuple(prompts[id_]), tuple(text.target(choice, queries[id_])))
                for choice in choices[id_]
            ]
            for id_ in ids
        ]
        batch = {k: v.to(model.device) for k, v in packed(groups, model.config).items()}
        logits = target_logits(model, output_layer(model), batch)
        each = iter(cross_entropy(logits, batch["targets"]).tolist())
        return [[-math.fsum(islice(each, len(s.target))) for s in group] for group in groups]

    return score


def _likeliest(choices: Sequence[str], sums: Sequence[float]) -> str:
    """The choice of the highest sum; of equal ones the first."""
    return choices[max(range(len(choices)), key=sums.__getitem__)]


def _require_choices(queries: Mapping[str, str], choices: Choices) -> Choices:
    """The choices; an error when a row has none."""
    without = [id_ for id_ in queries if not choices.get(id_)]
    if without:
        raise StillhouseError(
            f"The student's entry says `decode: choices`, but {len(without)} of {len(queries)} "
            f"rows have none (row {without[0]!r}). Use `decode: generate` for this dataset."
        )
    return choices
