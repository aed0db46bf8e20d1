"""What pydantic finds wrong, in plain words: the one place that knows its vocabulary."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from stillhouse.config.tagged import Tagged, keys_of, tagged
from stillhouse.core.errors import did_you_mean

SAID = "said"
"""In an error's context: the words, once they are found."""
UNKNOWN_KEY = "unknown_key"
RULE = "value_error"
MISSING = "missing"
SECRET = "secret"  # noqa: S105 - an error's type
"""Of a value that must not be shown."""
MOST_SHOWN = 80


def shown(value: object) -> str:
    """A value as it stands in the file, more or less, and not too much of it."""
    names = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return names[value]
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."


def look_alike(text: object) -> str:
    """A hint when a name holds a character that can be mistaken for another."""
    foreign = (
        next((c for c in text if not " " <= c <= "~"), None) if isinstance(text, str) else None
    )
    if foreign is None:
        return ""
    return f" It holds the character {foreign!a} ({unicodedata.name(foreign, 'unnamed')})."


def in_plain_words(
    details: Iterable[ErrorDetails], model: type[BaseModel]
) -> list[InitErrorDetails]:
    """The mistakes in the fields of `model`, with the words that people are told.

    `details` come from pydantic, so a place inside a union names one kind of it.
    """
    told, of_unions = [], defaultdict(list)
    fields = {key: f for name, f in model.model_fields.items() for key in (name, f.alias)}
    for detail in details:
        loc = detail["loc"]
        field = fields.get(str(loc[0])) if loc else None
        if field and (choice := tagged(field)):
            told += _of_tagged(detail, choice, model)
        elif field and len(loc) > 1 and is_union(field.annotation) and _kinds(field.annotation) > 1:
            of_unions[loc[0]].append(detail)
        else:
            told.append(_told(detail, model))
    return told + [each for found in of_unions.values() for each in _of_union(found, model)]


def already_told(error: ValidationError) -> list[InitErrorDetails]:
    """The mistakes that a model of the configuration found, which are in plain words."""
    return [
        _error(detail["type"], detail["loc"], detail["input"], detail["ctx"][SAID])
        for detail in error.errors(include_url=False)
    ]


def _of_tagged(
    detail: ErrorDetails, choice: Tagged, model: type[BaseModel]
) -> list[InitErrorDetails]:
    """A mistake in a field whose value names its model; pydantic's place has that name in it."""
    field, *inner = detail["loc"]
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _of_no_model(detail, choice)
    if not inner:
        return [_told(detail, model)]
    name, *place = inner
    if detail["type"] == UNKNOWN_KEY and len(place) == 1:
        return [_foreign((field, *place), str(name), choice)]
    return [_told(detail | {"loc": (field, *place)}, model)]


def _foreign(loc: tuple[int | str, ...], name: str, choice: Tagged) -> InitErrorDetails:
    """A key that the model called `name` does not have: which has it, or which key is near."""
    key, own = str(loc[-1]), keys_of(choice.models[name])
    if takers := choice.with_key(key):
        said = f"it goes with {takers}, not with `{choice.tag}: {choice.shown(name)}`"
        return _error(RULE, loc, None, said)
    near = get_close_matches(key, choice.keys, n=1, cutoff=0.75)
    if near and near[0] not in own:
        said = f" Did you mean {near[0]!r}, which goes with {choice.with_key(near[0])}?"
        return _error(UNKNOWN_KEY, loc, None, said + _listed(sorted(own)))
    return _error(UNKNOWN_KEY, loc, None, did_you_mean(key, own))


def _of_no_model(detail: ErrorDetails, choice: Tagged) -> list[InitErrorDetails]:
    """A value that names no model: that, and what would be wrong whichever was meant."""
    (field,), given, tag = detail["loc"], detail["input"], choice.tag
    if not isinstance(given, dict):
        return [_error("model_type", (field,), given, _said("model_type", {}, given))]
    if tag in given:
        told = [_not_known((field, tag), given[tag], choice.names)]
    else:
        told = [_error(MISSING, (field, tag), None, f": one of {', '.join(choice.names)}")]
    by_model = [_mistakes(model, given | {tag: name}) for name, model in choice.models.items()]
    for key in given:
        mistakes = [[d for d in found if d["loc"][:1] == (key,)] for found in by_model]
        if key == tag or not all(mistakes):
            continue
        # Whoever has the key says what is wrong with its value.
        meant = min(mistakes, key=lambda found: found[0]["type"] == UNKNOWN_KEY)
        for d in meant:
            unknown = d["loc"] == (key,) and d["type"] == UNKNOWN_KEY
            said = did_you_mean(str(key), choice.keys) if unknown else d["ctx"][SAID]
            told.append(_error(d["type"], (field, *d["loc"]), d["input"], said))
    return told


def _mistakes(model: type[BaseModel], values: Mapping[str, Any]) -> list[ErrorDetails]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _of_union(details: Iterable[ErrorDetails], model: type[BaseModel]) -> list[InitErrorDetails]:
    """What is wrong with a value that may be of several kinds: what its own kind objects to, or,
    when it is of none of them, which there are.
    """
    kinds = defaultdict(list)
    for detail in details:
        kinds[detail["loc"][1]].append(detail)
    close = [found for found in kinds.values() if not _is_of_another_kind(found)]
    if close:
        return [
            _told(detail | {"loc": (detail["loc"][0], *detail["loc"][2:])}, model)
            for found in close
            for detail in found
        ]
    firsts = [found[0] for found in kinds.values()]
    wanted = [
        _known_values(detail) if detail["type"] == "literal_error" else [_kind_wanted(detail)]
        for detail in firsts
    ]
    words = [word for found in wanted for word in found]
    value = firsts[0]["input"]
    near = did_you_mean(value, words) if isinstance(value, str) else ""
    said = f"it has to be {' or '.join(words)}"
    return [_error("union", (firsts[0]["loc"][0],), value, f"{said}.{near}" if near else said)]


def _is_of_another_kind(details: list[ErrorDetails]) -> bool:
    (first, *others) = details
    of_type = first["type"].endswith("_type") or first["type"] == "literal_error"
    return not others and len(first["loc"]) == 2 and of_type


def _kind_wanted(detail: ErrorDetails) -> str:
    return _said(detail["type"], detail.get("ctx", {}), None).removeprefix("it has to be ")


def _known_values(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {})["expected"]).replace(" or ", ", ")
    return [part.strip("'") for part in expected.split(", ")]


def _told(detail: ErrorDetails, model: type[BaseModel]) -> InitErrorDetails:
    kind, loc, value, context = (
        detail["type"],
        detail["loc"],
        detail["input"],
        detail.get("ctx", {}),
    )
    if SAID in context:
        return _error(kind, loc, value, context[SAID])
    if loc and loc[-1] == "[key]":
        return _told_of_key(detail)
    if kind == "extra_forbidden":
        return _unknown_key(loc, value, model)
    if kind == MISSING:
        return _missing(loc, model)
    if kind == "literal_error":
        return _not_known(loc, value, _known_values(detail))
    return _error(kind, loc, value, _said(kind, context, value))


def _unknown_key(
    loc: tuple[int | str, ...], value: object, model: type[BaseModel]
) -> InitErrorDetails:
    if where := getattr(model, "ELSEWHERE", {}).get(loc[-1]):
        return _error(RULE, loc, None, where)
    key = str(loc[-1])
    inner = [
        f"{name}.{key}"
        for name, field in model.model_fields.items()
        if any(key in keys_of(kind) for kind in _sections(field))
    ]
    said = f" Did you mean `{inner[0]}`?" if inner else did_you_mean(key, keys_of(model))
    return _error(UNKNOWN_KEY, loc, value, said)


def _sections(field: FieldInfo) -> list[type[BaseModel]]:
    """The models that a field takes."""
    if choice := tagged(field):
        return list(choice.models.values())
    kinds = (field.annotation, *get_args(field.annotation))
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _missing(loc: tuple[int | str, ...], model: type[BaseModel]) -> InitErrorDetails:
    *place, key = loc
    if isinstance(key, int):
        return _error(RULE, tuple(place), None, f"its item {key + 1} is missing")
    field = next((f for n, f in model.model_fields.items() if key in (n, f.alias)), None)
    example = f", such as `{field.examples[0]}`" if field and field.examples else ""
    return _error(MISSING, loc, None, example)


def _not_known(loc: tuple[int | str, ...], value: object, known: Iterable[str]) -> InitErrorDetails:
    near = did_you_mean(value, known) if isinstance(value, str) else _listed(known)
    said = f"this value is not known.{near}{look_alike(value)}"
    return _error("literal_error", loc, value, said)


def unknown_value(value: str, known: Iterable[str]) -> PydanticCustomError:
    """What a validator raises for a value that is none of the known ones."""
    said = f"this value is not known.{did_you_mean(value, known)}{look_alike(value)}"
    return PydanticCustomError(RULE, "{said}", {SAID: said})


def _told_of_key(detail: ErrorDetails) -> InitErrorDetails:
    loc, key = detail["loc"][:-1], detail["input"]
    if detail["type"] == "literal_error":
        return _error(UNKNOWN_KEY, loc, key, did_you_mean(str(key), _known_values(detail)))
    said = _said(detail["type"], detail.get("ctx", {}), key)
    if detail["type"] == RULE:
        return _error(RULE, loc, None, said)
    return _error("key", loc, key, f"no key can be called so: {said}")


def _listed(known: Iterable[str]) -> str:
    return f" Known: {', '.join(known)}."


def _error(kind: str, loc: tuple[int | str, ...], value: object, said: str) -> InitErrorDetails:
    error = PydanticCustomError(kind, "{said}", {SAID: said})
    return InitErrorDetails(type=error, loc=loc, input=value)


def line(detail: ErrorDetails) -> str:
    """A translated mistake as one line, without the file."""
    where = ".".join(map(str, detail["loc"]))
    context = detail.get("ctx", {})
    said = context[SAID] if SAID in context else _said(detail["type"], context, detail["input"])
    if detail["type"] == UNKNOWN_KEY:
        return f"unknown key `{where}`.{said}"
    if detail["type"] == MISSING:
        return f"`{where}` is missing{said}."
    end = "" if said.endswith((".", "?")) else "."
    if detail["type"] == SECRET:
        return f"`{where}`: {said}{end}"
    if detail["type"] == RULE and not isinstance(detail["input"], str | int | float | tuple | list):
        return f"{f'`{where}`: ' if where else ''}{said}{end}"
    if not where:
        return f"{said}{end}"
    return f"`{where}` is {shown(detail['input'])}: {said}{end}"


def first_mistake(error: ValidationError) -> str:
    """The first mistake that a model found, without its full stop."""
    return line(error.errors()[0]).removesuffix(".")


def is_union(annotation: Any) -> bool:
    """Whether a field takes values of several kinds, null being one."""
    return get_origin(annotation) in (Union, UnionType)


def _kinds(annotation: Any) -> int:
    return sum(kind is not type(None) for kind in get_args(annotation))


def _said(kind: str, context: Mapping[str, Any], value: object) -> str:
    if kind == RULE:
        return str(context["error"])
    words = _WORDS.get(kind, "this value cannot stand here")
    said = words(context) if callable(words) else words
    return said + _hint(kind, value)


def _hint(kind: str, value: object) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "; write it in quotes"
    if kind.startswith(("int", "float")) and isinstance(value, str):
        return "; write it without quotes" if value.strip("-").replace(".", "", 1).isdigit() else ""
    if kind.startswith("bool") and isinstance(value, str):
        return "; YAML 1.2, which DVC reads, knows no other words"
    return ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _items(number: int) -> str:
    return f"{number} item{'s' if number != 1 else ''}"


_WORDS: dict[str, str | Callable[[Mapping[str, Any]], str]] = {
    MISSING: "it is missing",
    "invalid_key": "a key has to be text",
    "string_type": "it has to be text",
    "string_too_short": "it must not be empty",
    "string_too_long": lambda c: f"it has to have at most {c['max_length']} characters",
    "string_pattern_mismatch": lambda c: (
        f"it is not written as such a name is (the pattern {c['pattern']})"
    ),
    "string_unicode": "it holds characters that are none",
    "int_type": "it has to be a whole number",
    "int_parsing": "it has to be a whole number",
    "int_parsing_size": "it is too large a number",
    "int_from_float": "it has to be a whole number",
    "float_type": "it has to be a number",
    "float_parsing": "it has to be a number",
    "finite_number": "it has to be a finite number",
    "bool_type": "it has to be true or false",
    "bool_parsing": "it has to be true or false",
    "tuple_type": "it has to be a list",
    "list_type": "it has to be a list",
    "dict_type": "it has to be a mapping of keys to values",
    "mapping_type": "it has to be a mapping of keys to values",
    "model_type": "it has to be a mapping of keys to values",
    "model_attributes_type": "it has to be a mapping of keys to values",
    "greater_than": lambda c: f"it has to be above {_number(c['gt'])}",
    "greater_than_equal": lambda c: f"it has to be at least {_number(c['ge'])}",
    "less_than": lambda c: f"it has to be below {_number(c['lt'])}",
    "less_than_equal": lambda c: f"it has to be at most {_number(c['le'])}",
    "too_short": lambda c: f"it has to have at least {_items(c['min_length'])}",
    "too_long": lambda c: f"it has to have at most {_items(c['max_length'])}",
    "recursion_loop": "it holds itself",
}
