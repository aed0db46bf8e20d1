"""Replies in JSON, enforced where the backend can: it can then write nothing but the form.

The form becomes a decoding option, `response_format`, in the words of OpenAI-compatible servers.
So it is part of a completion's key, the same for each backend that enforces it, and absent where
none does: `transformers` leaves a reply's form to the parser.
"""

from collections.abc import Sequence
from typing import Any

from stillhouse.config.prompt import ROUND, ROUNDS, Reply
from stillhouse.config.teacher import TeacherConf

ENFORCING = ("openai", "vllm", "ray")
OWN_FORMS = ("response_format", "structured_outputs", "json_schema", "grammar")
"""Options of engines that set a form; an entry that has one keeps it."""


def json_schema(reply: Reply) -> dict[str, Any]:
    """The schema of a reply: the rationale comes first, so that it is not made to fit the label."""
    if reply.form == "chain_of_density":
        rounds = _object(ROUND)
        return {"type": "array", "items": rounds, "minItems": ROUNDS, "maxItems": ROUNDS}
    texts = {"rationale": reply.keys.rationale, "label": reply.keys.label}
    names = [name for part, name in texts.items() if part in reply.content.split("_then_")]
    return _object(names)


def _object(names: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(names),
        "additionalProperties": False,
    }


def enforced(conf: TeacherConf, reply: Reply) -> TeacherConf:
    """The teacher with the reply's form among its decoding options, where it can be enforced."""
    decoding = conf.decoding
    chosen = decoding.response_format
    own = any(name in OWN_FORMS or name.startswith("guided_") for name in decoding.extra)
    lists = reply.form == "chain_of_density"
    unasked = chosen == "none" or (lists and chosen == "json_object")  # a list is no object
    asked = reply.form in ("json", "chain_of_density") and not unasked
    if not asked or own or conf.compute.backend not in ENFORCING:
        return conf
    form: dict[str, Any] = {"type": chosen}
    if chosen == "json_schema":
        form[chosen] = {"name": "reply", "strict": True, "schema": json_schema(reply)}
    extra = decoding.extra | {"response_format": form}
    return conf.model_copy(update={"decoding": decoding.model_copy(update={"extra": extra})})


def for_vllm(extra: dict[str, Any]) -> dict[str, Any]:
    """Decoding options with `response_format` as vLLM's own `structured_outputs`."""
    options = dict(extra)
    form = options.pop("response_format", None)
    if isinstance(form, dict) and form.get("type") == "json_schema":
        options["structured_outputs"] = {"json": form["json_schema"]["schema"]}
    elif isinstance(form, dict) and form.get("type") == "json_object":
        options["structured_outputs"] = {"json_object": True}
    return options
