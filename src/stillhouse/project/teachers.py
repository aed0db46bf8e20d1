"""A teacher's entry for a server that speaks the OpenAI protocol."""

import json
import re
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from stillhouse.core.errors import StillhouseError
from stillhouse.project.editing import written

SECONDS = 5.0
CONTEXT = 8192
MOST_TOKENS = 512
LOCAL = ("127.0.0.1", "localhost", "::1")


def is_address(teacher: str) -> bool:
    """Whether a teacher is named by the address of its server."""
    return teacher.startswith(("http://", "https://"))


def served(address: str, model: str | None) -> tuple[str, str]:
    """The name and the text of an entry for the server's model.

    Without `model` the server is asked which it has.
    """
    name = model or _only_model(address)
    host = urlsplit(address).netloc
    compute = {"backend": "openai", "base_url": address}
    if urlsplit(address).hostname not in LOCAL:
        compute["api_key_env"] = "OPENAI_API_KEY"
    values = {
        "description": f"{name} at {host}",
        "model": {"name": name, "source": f"api://{host}/{name}"},
        "format": "chat",
        "context": CONTEXT,
        "decoding": {"temperature": 0.0, "max_tokens": MOST_TOKENS},
        "compute": compute,
        "price": {"currency": "USD", "prompt": 0.0, "completion": 0.0},
    }
    note = (
        "# `source` stands for the weights: change it when the server's model changes. `price` is\n"
        "# per million tokens; a `budget` below `compute` stops before it is overspent.\n"
    )
    return slug(name), note + written(values)


def slug(name: str) -> str:
    """A name as entries have them: `qwen2_5_7b` of `Qwen/Qwen2.5-7B`."""
    found = re.sub(r"\W+", "_", name.rpartition("/")[2].lower(), flags=re.ASCII).strip("_")
    return found or "own"


def _only_model(address: str) -> str:
    where = f"{address.rstrip('/')}/models"
    try:
        with urlopen(where, timeout=SECONDS) as response:  # noqa: S310 - http, by `is_address`
            listed = [str(each["id"]) for each in json.load(response)["data"]]
    except (URLError, OSError, ValueError, KeyError, TypeError) as error:
        raise StillhouseError(
            f"{where} does not say which model the server has ({error}). Name it: --model NAME."
        ) from error
    if len(listed) != 1:
        raise StillhouseError(
            f"The server at {address} has {len(listed)} models ({', '.join(listed[:6])}). Name "
            "one: --model NAME."
        )
    return listed[0]
