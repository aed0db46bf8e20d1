"""Jinja2 in a sandbox, with undefined names as errors: templates are data, never code."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stillhouse.core.errors import StillhouseError, did_you_mean

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=False,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # the output is plain text for a model, not HTML
    finalize=lambda value: "" if value is None else value,  # a null cell is no text, not "None"
)


_TOO_DEEP = (RecursionError, MemoryError, SyntaxError)
"""What Python says of the code that a template becomes."""


def check_syntax(source: str) -> None:
    """Raise ValueError with the line when `source` is not a well-formed template."""
    try:
        _template(source)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"template error on line {error.lineno}: {error.message}") from error
    except _TOO_DEEP as error:
        raise ValueError("the template is nested too deeply") from error


def check_expression(source: str) -> None:
    """Raise ValueError when `source` is not a well-formed Jinja2 expression."""
    try:
        _expression(source)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"expression error: {error.message}") from error
    except _TOO_DEEP as error:
        raise ValueError("the expression is nested too deeply") from error


@lru_cache(maxsize=4096)
def names_used(source: str) -> frozenset[str]:
    """The names that a well-formed template takes from the values it is rendered with."""
    names = meta.find_undeclared_variables(_ENVIRONMENT.parse(source))
    return frozenset(names - _ENVIRONMENT.globals.keys())


def unknown_names(source: str, known: Collection[str]) -> Iterator[str]:
    """A complaint about each name that a template uses and would not be given."""
    for name in sorted(names_used(source) - frozenset(known)):
        yield f"uses the unknown name `{name}`.{did_you_mean(name, known)}"


@lru_cache(maxsize=4096)
def _template(source: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(source)


@lru_cache(maxsize=512)
def _expression(source: str) -> Callable[..., Any]:
    return _ENVIRONMENT.compile_expression(source, undefined_to_none=False)


def _guarded(run: Callable[[], Any], source: str, where: str, values: Mapping[str, Any]) -> Any:
    try:
        return run()
    except jinja2.UndefinedError as error:
        missing = (error.message or "").split("'")
        name = missing[1] if len(missing) > 1 else ""
        raise StillhouseError(
            f"{where}: the template {source!r} uses a field that is not there: {error.message}."
            f"{did_you_mean(name, map(str, values))}"
        ) from error
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise StillhouseError(f"{where}: the template {source!r} failed: {error}.") from error


def render(source: str, values: Mapping[str, Any], where: str) -> str:
    """Render a template to text; `where` names the file and field in an error."""
    return str(_guarded(lambda: _template(source).render(values), source, where, values))


def evaluate_expression(source: str, values: Mapping[str, Any], where: str) -> Any:
    """Evaluate a Jinja2 expression to a value, in the same sandbox."""

    def run() -> Any:
        value = _expression(source)(**values)
        if isinstance(value, jinja2.Undefined):
            str(value)  # StrictUndefined raises here, naming the field
        return value

    return _guarded(run, source, where, values)
