"""The page's file: everything inside, nothing fetched, equal content in equal bytes.

Text of data and models enters it as JSON alone, here with every `<` escaped or compressed and in
base64; on the page it becomes text nodes and never markup (assets/dom.js). The page's own policy
lets no other script run than the one that is written here, and nothing be fetched.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from html import escape
from typing import Any

from stillhouse.page import assets

LEVEL = 6
"""Of 9, twice the time, a fiftieth less."""


def html(document: Mapping[str, Any]) -> str:
    """The page of a `document.document`."""
    style, script = assets.style(), assets.script()
    facts = document["facts"]
    parts = {
        "title": escape(facts["title"]),
        "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "facts": _json(facts).replace("<", "\\u003c"),
        "rows": base64.b64encode(zlib.compress(_json(document["rows"]).encode(), LEVEL)).decode(),
        "script": script,
    }
    return assets.page(parts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
