"""Greedy prediction of labels, in batches of similar length."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stillhouse.config.student import Generation, StudentCompute
from stillhouse.core.progress import progress
from stillhouse.students.batches import padded
from stillhouse.students.folder import Student, greedy
from stillhouse.students.text import StudentText
from stillhouse.students.weights import output_layer

if TYPE_CHECKING:
    from torch import Tensor, nn


def predict_labels(
    student: Student, queries: Mapping[str, str], generation: Generation, compute: StudentCompute
) -> dict[str, str]:
    """The label that the student gives to each query, by id; never any of the prompt.

    A prediction ends at the end token, before the first stop string that follows its first
    visible character, or after `generation.max_tokens` tokens.
    """
    import torch

    prompts = {id_: student.text.prompt(query, "label")[0] for id_, query in queries.items()}
    # Longest first: a batch that does not fit in memory fails at once, not at the end.
    order = sorted(prompts, key=lambda id_: (-len(prompts[id_]), id_))
    decode = _Decoder(student, generation, compute.device)
    predictions: dict[str, str] = {}
    with progress("Predict", len(order)) as bar, torch.inference_mode():
        for start in range(0, len(order), compute.eval_batch_size):
            ids = order[start : start + compute.eval_batch_size]
            texts = decode([prompts[id_] for id_ in ids])
            predictions |= dict(zip(ids, texts, strict=True))
            bar.advance(len(ids))
    return predictions


def cut(text: str, stop: Sequence[str]) -> str:
    """The text up to the first stop string, white space around it removed."""
    text = text.lstrip()
    for mark in stop:
        text = text.split(mark, 1)[0]
    return text.strip()


class _Decoder:
    def __init__(self, student: Student, generation: Generation, device: str) -> None:
        import torch

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model: Any = student.model.to(device).eval()  # type: ignore[arg-type]
        self.device = device
        self.text, self.generation = student.text, generation
        self.config = greedy(student)
        self.config.max_new_tokens = generation.max_tokens
        self.ending = _ending_tokens(student, generation.stop) if generation.stop else None

    def __call__(self, prompts: Sequence[Sequence[int]]) -> list[str]:
        decoder = self.text.family == "decoder"
        tokens, mask = padded(prompts, self.text.pad, left=decoder)
        criteria = [_Stop(*self.ending, rows=len(prompts))] if self.ending else []
        with _contiguous_input(output_layer(self.model)):
            output = self.model.generate(
                input_ids=tokens.to(self.device),
                attention_mask=mask.to(self.device),
                generation_config=self.config,
                stopping_criteria=criteria,
            )
        # What was generated follows the prompt, or T5's one start token.
        generated = output[:, tokens.shape[1] if decoder else 1 :]
        return [cut(self.text.decode(row), self.generation.stop) for row in generated.tolist()]


@contextmanager
def _contiguous_input(head: "nn.Module") -> Iterator[None]:
    # On CPU a bfloat16 output layer takes 70 times longer for a strided slice, such as the last
    # position of each prompt, than for a copy of it.
    hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(), *inputs[1:]))
    try:
        yield
    finally:
        hook.remove()


def _ending_tokens(student: Student, stop: Sequence[str]) -> "tuple[Tensor, Tensor]":
    """For each token (V,): whether it shows something, and whether it holds a stop string."""
    import torch

    text: StudentText = student.text
    weight: Tensor = output_layer(student.model).get_parameter("weight")
    pieces = text.tokenizer.batch_decode([[token] for token in range(len(text.tokenizer))])
    pieces += [""] * (
        len(weight) - len(pieces)
    )  # the output layer may be padded beyond the vocabulary
    visible = torch.tensor([bool(piece.strip()) for piece in pieces])
    ends = torch.tensor([any(mark in piece for mark in stop) for piece in pieces])
    return visible, ends


class _Stop:
    """Tells `generate` which rows are done: a stop string after something visible."""

    def __init__(self, visible: "Tensor", ends: "Tensor", rows: int) -> None:
        import torch

        self.visible, self.ends = visible, ends
        self.begun = torch.zeros(rows, dtype=torch.bool)

    def __call__(self, input_ids: "Tensor", *_: object, **__: object) -> "Tensor":
        last = input_ids[:, -1].cpu()
        done = self.begun & self.ends[last]
        self.begun |= self.visible[last]
        return done.to(input_ids.device)
