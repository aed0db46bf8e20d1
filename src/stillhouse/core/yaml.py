"""The one way YAML is read here: with DVC's own loader, ruamel.yaml, so as YAML 1.2.

What another reader would take for another value is refused, since a configuration is also read by
people: a number with a leading zero (`010` is eight in YAML 1.1), dates, tags, a key twice. So is
a text that would grow out of all bounds when read.
"""

import math
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)

from stillhouse.core.errors import StillhouseError

MOST_CHARACTERS = 1_000_000
MOST_VALUES = 100_000
"""With every alias written out."""
MOST_DEPTH = 40
MOST_DIGITS = 18

_CORE = "tag:yaml.org,2002:"
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt \t]+\d\d?:\d\d:\d\d(?:\.\d*)?[ \t]*(?:Z|[-+]\d\S*)?)?")
_DIGITS = re.compile(rf"[-+]?[0-9_]{{{MOST_DIGITS + 1},}}")
_TWICE = re.compile(r'found duplicate key "(.*?)" with value')


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a malformed one is an error that names the line."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StillhouseError(f"{path} does not exist.") from error
    except UnicodeDecodeError as error:
        raise StillhouseError(
            f"{path} is not well-formed YAML: it is no UTF-8 text (byte {error.start})."
        ) from error
    except OSError as error:
        raise StillhouseError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML; `where` names the source in an error."""
    try:
        _Look(where).over(text)
        return YAML(typ="safe").load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise StillhouseError(f"{where} is not well-formed YAML{_reason(error)}.") from error


def dump_yaml(values: Any) -> str:
    """Plain data as YAML that readers of 1.1 and of 1.2 take for the same."""
    from io import StringIO

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.representer.add_representer(str, _represent_text)
    writer.representer.add_representer(float, _represent_float)
    out = StringIO()
    writer.dump(values, out)
    return out.getvalue()


_WORDS = re.compile(r"(?:y|n|yes|no|on|off|true|false|null|~)", re.IGNORECASE)
_NUMBERS = re.compile(r"[-+.\d][-+.:_\deExXoabcdfABCDF]*")


def needs_quotes(text: str) -> bool:
    """Whether some reader of YAML takes the plain text for another value."""
    return bool(_WORDS.fullmatch(text) or _NUMBERS.fullmatch(text))


def _represent_text(representer: Any, text: str) -> Any:
    style = "'" if needs_quotes(text) else None
    return representer.represent_scalar(f"{_CORE}str", text, style=style)


def _represent_float(representer: Any, value: float) -> Any:
    """Version 1.1 takes `5e-324`, without a point, for text."""
    if math.isinf(value) or math.isnan(value):
        return representer.represent_float(value)
    text = repr(value)
    if "." not in text:
        text = text.replace("e", ".0e")
    return representer.represent_scalar(f"{_CORE}float", text)


def _reason(error: Exception) -> str:
    if isinstance(error, ValueError):
        return ": a value looks like a number and is none; quote it if it is a text"
    if not isinstance(error, MarkedYAMLError):
        return f": {' '.join(str(error).split())}"
    mark = error.problem_mark or error.context_mark
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = " ".join(str(error.problem or error.context).split())
    begun = error.context_mark
    if error.problem and begun and mark and begun.line < mark.line:
        problem += f", in what begins on line {begun.line + 1}"
    if twice := _TWICE.match(problem):
        return f"{place}: the key `{twice[1]}` stands there twice"
    return f"{place}: {problem}"


class _Look:
    """One pass over a text's events, before anything is built from it."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.open: list[tuple[str | None, int]] = []
        """Of each collection around: its anchor, and the values before it."""
        self.values = 0
        self.sizes: dict[str, int] = {}
        """By anchor, the values below it."""
        self.documents = 0

    def over(self, text: str) -> None:
        if len(text) > MOST_CHARACTERS:
            raise StillhouseError(
                f"{self.where} has {len(text):,} characters; a configuration has at most "
                f"{MOST_CHARACTERS:,}."
            )
        for event in YAML(typ="safe").parse(text):
            self._take(event)
            if self.values > MOST_VALUES:
                raise self._refused(
                    event, f"it holds more than {MOST_VALUES:,} values with its aliases written out"
                )

    def _take(self, event: Event) -> None:
        match event:
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise self._refused(event, "it holds more than one document")
                if event.version is not None:
                    raise self._refused(event, "a %YAML directive has no place here; leave it out")
            case AliasEvent():
                if event.anchor not in self.sizes:
                    raise self._refused(
                        event, f"nothing before `*{event.anchor}` is complete and called so"
                    )
                self.values += self.sizes[event.anchor]
            case CollectionStartEvent():
                self._tag(event)
                self.values += 1
                self.open.append((event.anchor, self.values))
                if len(self.open) > MOST_DEPTH:
                    raise self._refused(event, f"it is nested more than {MOST_DEPTH} levels deep")
            case CollectionEndEvent():
                anchor, before = self.open.pop()
                self._note(anchor, self.values - before + 1)
            case ScalarEvent():
                self._tag(event)
                self.values += 1
                self._note(event.anchor, 1)
                if event.implicit[0]:
                    self._plain(event)

    def _note(self, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self.sizes[anchor] = size

    def _tag(self, event: NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            shown = f"!!{tag.removeprefix(_CORE)}" if str(tag).startswith(_CORE) else str(tag)
            raise self._refused(
                event, f"the tag `{shown}` has no place here; write the plain value, or quote it"
            )

    def _plain(self, event: ScalarEvent) -> None:
        text = event.value
        if not text[:2].lstrip("-+")[:1].isdigit():
            return
        if _DIGITS.fullmatch(text):
            raise self._refused(
                event, f"the number {text[:12]}... has more than {MOST_DIGITS} digits"
            )
        if _LEADING_ZERO.fullmatch(text):
            raise self._refused(
                event,
                f"`{text}` is a decimal number to some readers of YAML and an "
                "octal number to others; write it without the leading zero, or quote a text",
            )
        if _DATE.fullmatch(text):
            raise self._refused(event, f"`{text}` is a date in YAML; quote it to make it a text")

    def _refused(self, event: Event, why: str) -> StillhouseError:
        mark = event.start_mark
        return StillhouseError(
            f"{self.where} is not well-formed YAML, line {mark.line + 1}: {why}."
        )
