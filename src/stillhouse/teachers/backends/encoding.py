"""Requests as token ids: the chat template or plain text, each beginning with one BOS at most.

Only a chat template writes control tokens: `<|im_end|>` in a message, or in plain text, is text,
but for the BOS with which a plain text may begin.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jinja2 import TemplateError

from stillhouse.core.errors import StillhouseError
from stillhouse.models.control_tokens import control_tokens
from stillhouse.teachers.protocol import Request
from stillhouse.teachers.rendering import as_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Format = Literal["chat", "plain"]


def load_tokenizer(folder: Path, form: Format, name: str) -> "PreTrainedTokenizerBase":
    """The tokenizer of a checkpoint; a chat teacher needs one with a chat template."""
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    if form == "chat" and not tokenizer.chat_template:
        raise StillhouseError(
            f"The teacher {name!r} has `format: chat`, but its tokenizer has no chat template. "
            "Write `format: plain` in its conf, or take a model tuned for chat."
        )
    return tokenizer


def encode(
    tokenizer: "PreTrainedTokenizerBase", requests: Sequence[Request], form: Format
) -> list[list[int]]:
    """The token ids of every request's prompt."""
    if not requests:
        return []
    encoded = _chats(tokenizer, requests) if form == "chat" else _texts(tokenizer, requests)
    doubled = [tokenizer.bos_token_id] * 2
    return [ids[1:] if ids[:2] == doubled else ids for ids in encoded]


def _texts(tokenizer: "PreTrainedTokenizerBase", requests: Sequence[Request]) -> list[list[int]]:
    texts = [as_text(request.messages) for request in requests]
    begin = str(tokenizer.bos_token or "")
    bare = [text.removeprefix(begin) for text in texts]
    encoded = control_tokens(tokenizer).encode(bare, add_special_tokens=True)
    return [
        ids if text == rest else [tokenizer.bos_token_id, *ids]
        for text, rest, ids in zip(texts, bare, encoded, strict=True)
    ]


def _chats(tokenizer: "PreTrainedTokenizerBase", requests: Sequence[Request]) -> list[list[int]]:
    # A chat template writes its own special tokens, those at the beginning included.
    texts = [_chat(tokenizer, request) for request in requests]
    encoded: list[list[int]] = tokenizer(texts, add_special_tokens=False).input_ids
    controls = control_tokens(tokenizer)
    for place, request in enumerate(requests):
        if any(controls.spelt_in(message.content) for message in request.messages):
            encoded[place] = controls.encode_within(partial(_chat, tokenizer, request))
    return encoded


def _chat(
    tokenizer: "PreTrainedTokenizerBase",
    request: Request,
    as_text: Callable[[str], str] = lambda text: text,
) -> str:
    turns = [{"role": turn.role, "content": as_text(turn.content)} for turn in request.messages]
    try:
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise StillhouseError(
            f"The model's chat template refuses the prompt of row {request.id!r} (roles "
            f"{', '.join(turn['role'] for turn in turns)}): {error}. Use a prompt with other "
            "roles, or `format: plain` in the teacher's conf."
        ) from error
    return str(text)
