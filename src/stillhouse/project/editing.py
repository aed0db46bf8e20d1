"""Other values in a YAML file, its comments and its order kept."""

import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from stillhouse.core.yaml import needs_quotes

Keys = tuple[str, ...]
SHORT = 70
"""Characters of a mapping that stands in one line."""
_PLAIN = re.compile(r"[^\W\d_](?:[\w ./-]*\w)?")
_LINES = re.compile(r"\S[ -~]*(?:\n[!-~][ -~]*)+")
"""Several lines, none of them empty or indented."""
LEAVE_OUT = object()
"""In place of a value: without this key."""


def edited(text: str, changes: Mapping[Keys, Any]) -> str:
    """The file with values set at nested keys; a key that is not there is added at the end."""
    if not changes:
        return text
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), _null)
    content = yaml.load(text)
    for keys, value in changes.items():
        inner = content
        for key in keys[:-1]:
            inner = inner.setdefault(key, CommentedMap())
        if value is LEAVE_OUT:
            inner.pop(keys[-1], None)
        elif keys[-1] not in inner or inner[keys[-1]] != value:
            inner[keys[-1]] = _inline(value)
    out = StringIO()
    yaml.dump(content, out)
    return out.getvalue()


def written(values: Mapping[str, Any]) -> str:
    """New values as people write them: short lists in a line, long texts line by line."""
    yaml = YAML()
    yaml.width = 10_000
    yaml.representer.add_representer(type(None), _null)
    out = StringIO()
    yaml.dump(_as_written(values), out)
    return out.getvalue()


def _as_written(value: Any) -> Any:
    if isinstance(value, Mapping):
        found: Any = CommentedMap((key, _as_written(inner)) for key, inner in value.items())
        if "\\n" not in str(value) and len(str(value)) <= SHORT:
            found.fa.set_flow_style()
        return found
    if isinstance(value, list | tuple):
        found = CommentedSeq(_as_written(inner) for inner in value)
        if not any(isinstance(inner, Mapping) for inner in value):
            found.fa.set_flow_style()
        return found
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> Any:
    """Plain where no reader could take it for anything else, line by line, or else quoted."""
    if _LINES.fullmatch(text):
        return LiteralScalarString(text)
    plain = _PLAIN.fullmatch(text) and not needs_quotes(text)
    return text if plain else DoubleQuotedScalarString(text)


def _null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _inline(value: Any) -> Any:
    """Lists and mappings in one line, as the entries have them."""
    found = _as_written(value)
    if isinstance(found, CommentedMap | CommentedSeq):
        found.fa.set_flow_style()
    return found
