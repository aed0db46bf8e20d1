"""Requests as token ids: the chat template or plain text, each beginning with one BOS at most.

Only a chat template writes control tokens: `<|im_end|>` in a message, or in plain text, is text,
but for the BOS with which a plain text may begin.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import TemplateError

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import as_text
from stillhouse.core.reasoning import opening
from stillhouse.modeling.control_tokens import control_tokens
from stillhouse.sources.model_files import loading
from stillhouse.sources.model_folder import model_folder
from stillhouse.sources.remote_code import LANGUAGE_MODELS, needs_code
from stillhouse.teacher_generate.protocol import Request

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Format = Literal["chat", "plain"]
TAIL = 16
"""In so many tokens the tag stands that a prompt may end with."""


def teacher_folder(conf: TeacherConf) -> Path:
    """The folder of the teacher's model."""
    model = conf.model
    return model_folder(model.source, model.mirror, code=model.trust_remote_code)


def runs_code(conf: TeacherConf, folder: Path) -> bool:
    """Whether code of the teacher's folder is needed, which its entry must allow by name."""
    allowed = conf.model.trust_remote_code
    return needs_code(folder, conf.model.source, LANGUAGE_MODELS, allowed=allowed)


def load_tokenizer(
    folder: Path, form: Format, name: str, *, code: bool = False
) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model folder; a chat teacher needs one with a chat template.

    With `code`, the folder's own code may run.
    """
    from transformers import AutoTokenizer

    with loading(f"The tokenizer of the teacher {name!r} in {folder}"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=code
        )
    if form == "chat" and not tokenizer.chat_template:
        raise StillhouseError(
            f"The teacher {name!r} has `format: chat`, but its tokenizer has no chat template. "
            "Write `format: plain` in its entry, or take a model tuned for chat."
        )
    return tokenizer


def end_tokens(
    listed: int | list[int] | None, tokenizer: "PreTrainedTokenizerBase"
) -> frozenset[int]:
    """The tokens at which an answer ends: those that the model's generation config lists, and the
    tokenizer's.
    """
    ends = [*(listed if isinstance(listed, list) else [listed]), tokenizer.eos_token_id]
    return frozenset(token for token in ends if token is not None)


def check_template(tokenizer: "PreTrainedTokenizerBase", conf: TeacherConf) -> None:
    """Raise when `chat_template_kwargs` holds what the chat template never looks at."""
    template = str(tokenizer.chat_template)
    for name in conf.decoding.chat_template_kwargs:
        if not re.search(rf"\b{re.escape(name)}\b", template):
            raise StillhouseError(
                f"`decoding.chat_template_kwargs` of the teacher {conf.model.name!r} sets "
                f"{name!r}, but the model's chat template knows no such name. Correct it, or leave "
                "it out."
            )


def prompt_opening(tokenizer: "PreTrainedTokenizerBase", tokens: Sequence[int]) -> str:
    """The tag of a block of reasoning that a prompt ends in, or nothing.

    It is put in front of the completion, whose text would else not tell that it begins within.
    """
    return opening(str(tokenizer.decode(list(tokens[-TAIL:]), skip_special_tokens=False)))


def encode(
    tokenizer: "PreTrainedTokenizerBase",
    requests: Sequence[Request],
    form: Format,
    template: Mapping[str, Any] = MappingProxyType({}),
) -> list[list[int]]:
    """The token ids of every request's prompt; the chat template sees `template`, too."""
    if not requests:
        return []
    if form == "chat":
        encoded = _chats(tokenizer, requests, template)
    else:
        encoded = _texts(tokenizer, requests)
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


def _chats(
    tokenizer: "PreTrainedTokenizerBase",
    requests: Sequence[Request],
    template: Mapping[str, Any],
) -> list[list[int]]:
    # A chat template writes its own special tokens, those at the beginning included.
    texts = [_chat(tokenizer, request, template) for request in requests]
    encoded: list[list[int]] = tokenizer(texts, add_special_tokens=False).input_ids
    controls = control_tokens(tokenizer)
    for place, request in enumerate(requests):
        if any(controls.spelt_in(message.content) for message in request.messages):
            encoded[place] = controls.encode_within(partial(_chat, tokenizer, request, template))
    return encoded


def _chat(
    tokenizer: "PreTrainedTokenizerBase",
    request: Request,
    template: Mapping[str, Any],
    as_text: Callable[[str], str] = lambda text: text,
) -> str:
    turns = [{"role": turn.role, "content": as_text(turn.content)} for turn in request.messages]
    try:
        text = tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, **template
        )
    except TemplateError as error:
        raise StillhouseError(
            f"The model's chat template refuses the prompt of row {request.id!r} (roles "
            f"{', '.join(turn['role'] for turn in turns)}): {error}. Use a prompt with other "
            "roles, or `format: plain` in the teacher's conf."
        ) from error
    return str(text)
