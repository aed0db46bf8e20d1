"""Prediction of labels, in batches of similar length: decoded greedily, or chosen."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import progress
from stillhouse.students.folder import Student, greedy
from stillhouse.students.text import Task, TokenSequence
from stillhouse.students.weights import output_layer

Choices = Mapping[str, Sequence[str]]
Prompts = Mapping[str, Sequence[int]]
Predict = Callable[[Sequence[str]], Iterable[str]]


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
    predict, size = _generating(student, prompts, decoding), compute.eval_batch_size
    if decoding.decode == "choices":
        most = _require_choices(queries, choices or {})
        predict, size = _choosing(student, prompts, choices or {}), max(1, size // most)
    _place(student, compute.device)
    return _in_batches(prompts, predict, size, "Predict")


def predict_rationales(
    student: Student, queries: Mapping[str, str], compute: StudentCompute
) -> dict[str, str]:
    """The rationale that the student gives to each query, by id, as long as it was trained to."""
    prompts = _prompts(student, queries, "rationale")
    decoding = StudentDecoding(max_tokens=student.text.max_target_tokens)
    predict = _generating(student, prompts, decoding)
    _place(student, compute.device)
    return _in_batches(prompts, predict, compute.eval_batch_size, "Explain")


def _prompts(student: Student, queries: Mapping[str, str], task: Task) -> dict[str, list[int]]:
    return {id_: student.text.prompt(query, task)[0] for id_, query in queries.items()}


def _in_batches(prompts: Prompts, predict: Predict, size: int, title: str) -> dict[str, str]:
    import torch

    # Longest first: a batch that does not fit in memory fails at once, not at the end.
    order = sorted(prompts, key=lambda id_: (-len(prompts[id_]), id_))
    predictions: dict[str, str] = {}
    with progress(title, len(order)) as bar, torch.inference_mode():
        for start in range(0, len(order), size):
            ids = order[start : start + size]
            predictions |= dict(zip(ids, predict(ids), strict=True))
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

    def label(self) -> str:
        return cut(self._text, self.decoding.stop)


def _generating(student: Student, prompts: Prompts, decoding: StudentDecoding) -> Predict:
    from stillhouse.modeling.decoding import decode
    from stillhouse.modeling.sampler import Sampler, stream

    def predict(ids: Sequence[str]) -> list[str]:
        drafts = [_Draft(student, decoding, stream(None)) for _ in ids]
        asked = [prompts[id_] for id_ in ids]
        decode(student.model, asked, drafts, Sampler(), decoding.max_tokens)
        return [draft.label() for draft in drafts]

    return predict


def _choosing(student: Student, prompts: Prompts, choices: Choices) -> Predict:
    from stillhouse.modeling.fused import cross_entropy
    from stillhouse.students.batches import packed, target_logits

    model, text = student.model, student.text

    def predict(ids: Sequence[str]) -> list[str]:
        groups = [
            [
                TokenSequence(tuple(prompts[id_]), tuple(text.target(choice)))
                for choice in choices[id_]
            ]
            for id_ in ids
        ]
        batch = {k: v.to(model.device) for k, v in packed(groups, model.config).items()}
        logits = target_logits(model, output_layer(model), batch)
        each = iter(cross_entropy(logits, batch["targets"]).tolist())
        sums = [[math.fsum(islice(each, len(s.target))) for s in group] for group in groups]
        return [
            choices[id_][min(range(len(of_row)), key=of_row.__getitem__)]
            for id_, of_row in zip(ids, sums, strict=True)
        ]

    return predict


def _require_choices(queries: Mapping[str, str], choices: Choices) -> int:
    """The most choices of any row; an error when one has none."""
    without = [id_ for id_ in queries if not choices.get(id_)]
    if without:
        raise StillhouseError(
            f"The student's entry says `decode: choices`, but {len(without)} of {len(queries)} "
            f"rows have none (row {without[0]!r}). Use `decode: generate` for this dataset."
        )
    return max((len(choices[id_]) for id_ in queries), default=1)
