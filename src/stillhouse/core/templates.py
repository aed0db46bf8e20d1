"""Jinja2 in a sandbox, with undefined names as errors: templates are data, never code.

Numbers are read strictly, and a null is no text (`core.conversions`).
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stillhouse.core.conversions import conversions, text_of
from stillhouse.core.errors import StillhouseError, did_you_mean


class _CodeGenerator(CodeGenerator):
    """Jinja2's own, but what `~` joins is text as it is in the output: of a null there is none."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """Write the code of `a ~ b`."""
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Environment(ImmutableSandboxedEnvironment):
    code_generator_class = _CodeGenerator

    @staticmethod
    def joined(parts: tuple[Any, ...]) -> str:
        """The parts as one text."""
        return "".join(str(text_of(part)) for part in parts)


_ENVIRONMENT = _Environment(
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=False,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # the output is plain text for a model, not HTML
    finalize=text_of,
)


_TOO_DEEP = (RecursionError, MemoryError, SyntaxError)
"""What Python says of the code that a template becomes."""


def letter(place: int) -> str:
    """The letter of the choice at a place counted from 0: a to z, then aa, ab and so on."""
    before, last = divmod(place, 26)
    return (letter(before - 1) if before else "") + chr(ord("a") + last)


_ENVIRONMENT.filters |= conversions(_ENVIRONMENT.filters) | {"letter": letter}

ROW = "row"
"""The name by which templates over a raw row have all its columns: `row["Correct Answer"]`."""
_NAME_HINT = '; a column whose name has blanks or signs is written row["the name"]'


def of_row(columns: Mapping[str, Any]) -> dict[str, Any]:
    """What templates over a raw row see: each column by its name, and all of them as `row`.

    A column that is itself called `row` keeps its name.
    """
    return {ROW: columns, **columns}


def check_syntax(source: str) -> None:
    """Raise ValueError with the line when `source` is not a well-formed template."""
    try:
        _template(source)
    except jinja2.TemplateSyntaxError as error:
        hint = _NAME_HINT if "end of print statement" in str(error.message) else ""
        raise ValueError(f"template error on line {error.lineno}: {error.message}{hint}") from error
    except _TOO_DEEP as error:
        raise ValueError("the template is nested too deeply") from error


def check_expression(source: str) -> None:
    """Raise ValueError when `source` is not a well-formed Jinja2 expression."""
    try:
        _expression(source)
        _no_self(_ENVIRONMENT.parse(f"{{{{ {source} }}}}"))
    except jinja2.TemplateSyntaxError as error:
        signs = ("chunk after expression", "end of print statement")
        hint = _NAME_HINT if any(sign in str(error.message) for sign in signs) else ""
        raise ValueError(f"expression error: {error.message}{hint}") from error
    except _TOO_DEEP as error:
        raise ValueError("the expression is nested too deeply") from error


@lru_cache(maxsize=4096)
def names_used(source: str) -> frozenset[str]:
    """The names that a well-formed template takes from the values it is rendered with."""
    names = meta.find_undeclared_variables(_ENVIRONMENT.parse(source))
    return frozenset(names - _ENVIRONMENT.globals.keys())


@lru_cache(maxsize=4096)
def columns_read(source: str) -> frozenset[str]:
    """The columns of a raw row that a well-formed template reads by name, `row["a name"]` included.

    A name that it works out itself (`row[name]`) is not among them.
    """
    names = names_used(source)
    if ROW not in names:
        return names
    return names | frozenset(_through_row(_ENVIRONMENT.parse(source)))


def _through_row(tree: nodes.Template) -> Iterator[str]:
    """The columns in `row["a name"]`, `row.name` and `row.get("a name")`."""
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for each in tree.find_all((nodes.Getitem, nodes.Getattr, nodes.Call)):
        if isinstance(each, nodes.Getitem):
            owner, name = each.node, _constant(each.arg)
        elif isinstance(each, nodes.Getattr):
            owner, name = each.node, None if id(each) in called else each.attr
        elif isinstance(each, nodes.Call) and isinstance(each.node, nodes.Getattr):
            asked = each.args[:1] if each.node.attr == "get" else []
            owner, name = each.node.node, next(map(_constant, asked), None)
        else:
            continue
        if isinstance(owner, nodes.Name) and owner.name == ROW and name is not None:
            yield name


def _constant(node: nodes.Node) -> str | None:
    return str(node.value) if isinstance(node, nodes.Const) else None


def unknown_names(source: str, known: Collection[str]) -> Iterator[str]:
    """A complaint about each name that a template uses and would not be given."""
    for name in sorted(names_used(source) - frozenset(known)):
        yield f"uses the unknown name `{name}`.{did_you_mean(name, known)}"


def _no_self(tree: nodes.Template) -> None:
    """Refuse the bare name `self`: Jinja2 has a meaning of its own for it, whatever it is given."""
    if any(name.name == "self" for name in tree.find_all(nodes.Name)):
        raise jinja2.TemplateAssertionError(
            f'the name `self` is the template language\'s own; a column is {ROW}["self"]', 1
        )


@lru_cache(maxsize=4096)
def _template(source: str) -> jinja2.Template:
    _no_self(_ENVIRONMENT.parse(source))
    return _ENVIRONMENT.from_string(source)


@lru_cache(maxsize=512)
def _expression(source: str) -> Callable[..., Any]:
    _no_self(_ENVIRONMENT.parse(f"{{{{ {source} }}}}"))
    return _ENVIRONMENT.compile_expression(source, undefined_to_none=False)


def _guarded(run: Callable[[], Any], source: str, where: str, values: Mapping[str, Any]) -> Any:
    try:
        return run()
    except jinja2.UndefinedError as error:
        quoted = (error.message or "").split("'")
        name = quoted[-2] if len(quoted) > 2 else ""
        raise StillhouseError(
            f"{where}: the template {source!r} uses a field that is not there: {error.message}."
            f"{_near(name, values)}"
        ) from error
    except RecursionError as error:
        raise StillhouseError(
            f"{where}: the template {source!r} failed: its values are nested too deeply."
        ) from error
    except _FAILURES as error:
        raise StillhouseError(f"{where}: the template {source!r} failed: {error}.") from error


_FAILURES = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    MemoryError,
)


def _near(name: str, values: Mapping[str, Any]) -> str:
    """The names that a template could have meant, each as it is written there."""
    columns = values.get(ROW)
    if not isinstance(columns, Mapping):
        return did_you_mean(name, map(str, values))
    near = get_close_matches(name, columns, n=3, cutoff=0.5)
    near += [column for column in columns if name in _words(column) and column not in near]
    hint = f" Did you mean {' or '.join(map(_as_written, near[:3]))}?" if near else ""
    return f"{hint} Known: {', '.join(map(_as_written, sorted(columns)))}."


def _words(column: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in column).split()


def _as_written(column: str) -> str:
    plain = column.isidentifier() and column not in _RESERVED
    return f"'{column}'" if plain else f"{ROW}[{json.dumps(column, ensure_ascii=False)}]"


_RESERVED = frozenset(
    ("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None")
)


def render(source: str, values: Mapping[str, Any], where: str) -> str:
    """Render a template to text; `where` names the file and field in an error."""
    return str(_guarded(lambda: _template(source).render(values), source, where, values))


def evaluate_expression(source: str, values: Mapping[str, Any], where: str) -> Any:
    """Evaluate a Jinja2 expression to a value, in the same sandbox."""

    def run() -> Any:
        value = _expression(source)(values)
        if isinstance(value, jinja2.Undefined):
            str(value)  # StrictUndefined raises here, naming the field
        return value

    return _guarded(run, source, where, values)
