"""Small prompts tables and teachers for the tests of this folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.tables import PROMPTS
from stillhouse.store.completion import Completion
from stillhouse.store.store import Store
from stillhouse.teacher_generate.openai_api.responses import completion_in, parse_response


def prompts(rows: Mapping[str, str] | Iterable[int], system: str = "Think.") -> pa.Table:
    """A prompts table: ids and the user's text; numbers make both."""
    if not isinstance(rows, Mapping):
        rows = {f"row-{n:06d}": f"How many apples are {n} apples?" for n in rows}
    messages = [
        [{"role": "system", "content": system}, {"role": "user", "content": text}]
        for text in rows.values()
    ]
    return pa.table({"id": list(rows), "messages": messages}, schema=PROMPTS.schema)


def teacher(
    *,
    model: Mapping[str, Any] | None = None,
    decoding: Mapping[str, Any] | None = None,
    compute: Mapping[str, Any] | None = None,
    **other: Any,
) -> TeacherConf:
    """A teacher of the backend `scripted`, but for what is given."""
    values: dict[str, Any] = {
        "description": "for tests",
        "format": "chat",
        "context": 4096,
        "model": {"name": "m", "source": "scripted:Because {{ digest % 97 }}."} | (model or {}),
        "decoding": {"max_tokens": 64} | (decoding or {}),
        "compute": {"backend": "scripted"} | (compute or {}),
    }
    return TeacherConf.model_validate(values | other)


def client(url: str, *, compute: Mapping[str, Any] | None = None, **other: Any) -> TeacherConf:
    """A teacher behind the server at `url`, unless `compute` names another backend."""
    served = {"backend": "openai", "base_url": url, "max_in_flight": 16} | (compute or {})
    if served["backend"] != "openai":
        served = compute
    model = {"name": "m", "source": "api://loopback/m@1"} | other.pop("model", {})
    return teacher(model=model, compute=served, **other)


def rows(table: pa.Table) -> dict[tuple[str, int], tuple[str, str]]:
    """Text and finish reason by id and sample."""
    return {
        (row["id"], row["sample"]): (row["text"], row["finish_reason"]) for row in table.to_pylist()
    }


def read_response(conf: TeacherConf, content: bytes) -> Completion:
    """The completion in the bytes of a server's response."""
    return completion_in(conf, parse_response(content))


def store(folder: Path) -> Store:
    """A store of its own."""
    return Store(folder / "segments")
