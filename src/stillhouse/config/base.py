"""The base of every configuration model, and the kinds of values that fields have."""

import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from stillhouse.config.mistakes import (
    RULE,
    SAID,
    already_told,
    in_plain_words,
    is_union,
    unknown_value,
)
from stillhouse.config.tagged import tagged
from stillhouse.core.errors import StillhouseError
from stillhouse.core.inner_paths import inner_path
from stillhouse.core.templates import check_expression, check_syntax, names_used
from stillhouse.core.uri import SCHEMES, parse_source
from stillhouse.hooks.reference import FORM, checked_reference, is_reference


class UndeclaredError(StillhouseError, AttributeError):
    """A key is read that a view of an entry does not have."""


class Conf(BaseModel):
    """A frozen part of the configuration; unknown keys are errors, and values are what they look
    like: no number is made of a text, and none of `true`.

    A rule about several fields is a `model_validator(mode="after")`, one for each rule, that
    raises ValueError. It also runs when other fields are wrong, on what is right: a rule that needs
    a field which is wrong is left out. So one message names every mistake.
    """

    UNTRACKED: ClassVar[frozenset[str]] = frozenset()
    """Keys of an entry that change no result, only how it is computed; DVC does not see them."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, strict=True, allow_inf_nan=False
    )
    ELSEWHERE: ClassVar[dict[str, str]] = {}
    """What is said of keys that one may look for here, and that stand elsewhere or nowhere."""

    def __getattr__(self, name: str) -> Any:
        if name in type(self).model_fields:
            raise UndeclaredError(
                f"`{name}` of {type(self).__name__} is read, which dvc.yaml does not track for "
                "this stage. Add it to the keys of the entry there, so that DVC sees it change."
            )
        raise AttributeError(f"{type(self).__name__} has no {name!r}")

    @model_validator(mode="wrap")
    @classmethod
    def _every_mistake(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        given = _with_tuples(values)
        try:
            conf = handler(given)
        except ValidationError as error:
            found = in_plain_words(error.errors(include_url=False), cls)
            if isinstance(given, dict):
                partial = _what_is_right(cls, given, found)
                found += _broken_rules(partial, given, whole=False)
        else:
            found = _broken_rules(conf, given, whole=True) if isinstance(given, dict) else []
            if not found:
                return conf
        raise ValidationError.from_exception_data(cls.__name__, found)

    @classmethod
    def what_is_right(cls, values: dict[str, Any], error: ValidationError) -> Self:
        """An instance with the fields that have no mistake; the others are not there at all."""
        return _what_is_right(cls, _with_tuples(values), already_told(error))


C = TypeVar("C", bound=Conf)


def _with_tuples(values: Any) -> Any:
    """YAML's lists as tuples, which is what a frozen model holds."""
    if not isinstance(values, dict):
        return values
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _what_is_right(model: type[C], values: Mapping[str, Any], found: list[InitErrorDetails]) -> C:
    """An instance with the fields that have no mistake; the others are not there at all."""
    wrong = {str(detail["loc"][0]) for detail in found if detail.get("loc")}
    right: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        key = next((key for key in (field.alias, name) if key in values), None)
        if key is None and not field.is_required():
            right[name] = field.get_default(call_default_factory=True)
        elif key is not None and key not in wrong:
            right[name] = _kind(model, name).validate_python(values[key])
        elif key is not None and (inner := _inner(field, values[key])):
            value = _with_tuples(values[key])
            deeper = [
                InitErrorDetails(type=d["type"], loc=d["loc"][1:], input=d["input"])
                for d in found
                if d.get("loc") and d["loc"][0] == key
            ]
            if isinstance(value, dict) and all(d["loc"] for d in deeper):
                right[name] = _what_is_right(inner, value, deeper)
    instance = model.model_construct(**right)
    for name in model.model_fields.keys() - right.keys():
        instance.__dict__.pop(name, None)
    return instance


@cache
def _kind(model: type[Conf], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(model.model_fields[name].rebuild_annotation())


def _inner(field: FieldInfo, value: Any) -> type[Conf] | None:
    """The model of a field that holds one, perhaps null; of several, the one that `value` names."""
    kinds = [field.annotation, *(get_args(field.annotation) if is_union(field.annotation) else ())]
    if choice := tagged(field):
        kinds = [choice.named_by(value)]
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, Conf)), None)


def _broken_rules(conf: Conf, values: object, *, whole: bool) -> list[InitErrorDetails]:
    """What the model's rules object to. Pydantic runs them, too, but stops at the first."""
    found = []
    for decorator in type(conf).__pydantic_decorators__.model_validators.values():
        if decorator.info.mode != "after":
            continue
        rule: Any = decorator.func
        try:
            rule(conf)
        except AttributeError:
            if whole:
                raise
            continue  # it needs a field that is wrong
        except ValueError as error:
            said = PydanticCustomError(RULE, "{said}", {SAID: str(error)})
            found.append(InitErrorDetails(type=said, loc=(), input=values))
    return found


MOST = 2**31 - 1
Count = Annotated[int, Field(ge=1, le=MOST)]
Share = Annotated[float, Field(gt=0, ge=1e-9, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Of any generator of random numbers here: numpy takes no other."""


def not_blank(text: str) -> str:
    """A text with something to see in it."""
    if all(char.isspace() or not char.isprintable() for char in text):
        raise ValueError("it must not be blank")
    return text


def _stops_somewhere(text: str) -> str:
    return text if "\n" in text else not_blank(text)


def _without_controls(text: str) -> str:
    found = next(
        (c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"), ""
    )
    if found:
        raise ValueError(f"it holds the control character {found!a}")
    return text


def _source(text: str) -> str:
    _without_controls(not_blank(text))
    try:
        parse_source(text)
    except StillhouseError as error:
        raise ValueError(str(error)) from error
    return text


def _mirror(text: str) -> str:
    return _source(text) if text.startswith(SCHEMES) else _without_controls(not_blank(text))


def _data_source(text: str) -> str:
    return checked_reference(text) if is_reference(text) else _source(text)


def known_or_own(known: Collection[str]) -> Callable[[str], str]:
    """A check that a value is one of some names, or names a function of the project's own."""

    def check(text: str) -> str:
        if is_reference(text):
            return checked_reference(text)
        if text not in known:
            raise unknown_value(text, [*known, FORM])
        return text

    return check


def _template(source: str) -> str:
    if source:
        not_blank(source)
    _without_controls(source)
    check_syntax(source)
    return source


def _expression(source: str) -> str:
    check_expression(source)
    return source


def _shows_something(source: str) -> str:
    not_blank(source)
    return _template(source)


Text = Annotated[str, AfterValidator(not_blank), AfterValidator(_without_controls)]
"""A name, a description, a source: never blank."""
Mark = Annotated[str, AfterValidator(not_blank), AfterValidator(_without_controls)]
"""What is looked for in a text: a blank one would be found everywhere."""
Plain = Annotated[str, AfterValidator(_without_controls)]
"""A text that may be empty."""
StopText = Annotated[str, AfterValidator(_stops_somewhere), AfterValidator(_without_controls)]
"""What ends a text: a line break may, a space may not."""
Template = Annotated[str, AfterValidator(_template)]
Written = Annotated[str, AfterValidator(_shows_something)]
"""A template that cannot be left empty."""
Source = Annotated[str, AfterValidator(_source)]
"""Where data or weights are, pinned (docs/sources.md)."""
DataSource = Annotated[str, AfterValidator(_data_source)]
"""The same, or a function of the project's own (docs/extending.md)."""
Mirror = Annotated[str, AfterValidator(_mirror)]
"""A path below STILLHOUSE_MIRROR, or another source with the same content."""
Expression = Annotated[str, AfterValidator(not_blank), AfterValidator(_expression)]
InnerPath = Annotated[str, AfterValidator(not_blank), AfterValidator(inner_path)]
"""A path below a source or the mirror, which it must not leave."""


def _of_a_row(source: str) -> str:
    _shows_something(source)
    if not names_used(source):
        raise ValueError("it names no column, so it would be the same for every row")
    return source


OfRow = Annotated[str, AfterValidator(_of_a_row)]
"""A template over a row: one that has nothing of the row in it is a mistake."""


def require_shown(template: str, name: str, where: str) -> None:
    """Raise ValueError unless a template shows `name`."""
    if name not in names_used(template):
        raise ValueError(f"`{where}` never shows `{{{{ {name} }}}}`")
