"""The requests of OpenAI-compatible servers as JSON bodies."""

import json
from typing import Any

from stillhouse.config.compute import OpenAICompute
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.messages import as_text
from stillhouse.store.key import is_greedy
from stillhouse.teacher_generate.protocol import Request


def endpoint(conf: TeacherConf) -> str:
    """The path below `base_url`: chat messages, or a plain prompt."""
    return "chat/completions" if conf.format == "chat" else "completions"


def request_body(conf: TeacherConf, request: Request) -> bytes:
    """The JSON body that asks for one completion."""
    decoding = conf.decoding
    assert isinstance(conf.compute, OpenAICompute)
    body: dict[str, Any] = {
        "model": conf.model.name,
        conf.compute.max_tokens_field: decoding.max_tokens,
        "temperature": decoding.temperature,
    }
    if not is_greedy(decoding):
        body |= {"top_p": decoding.top_p, "seed": request.seed}
    if decoding.stop:
        body["stop"] = list(decoding.stop)
    if conf.format == "chat":
        body["messages"] = [message._asdict() for message in request.messages]
    else:
        body["prompt"] = as_text(request.messages)
    if decoding.chat_template_kwargs:
        body["chat_template_kwargs"] = decoding.chat_template_kwargs
    return json.dumps(body | decoding.extra, allow_nan=False).encode()
