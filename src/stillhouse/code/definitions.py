"""One module as its definitions: what each says, and which others it mentions.

What a definition says is its syntax tree without what nothing reads at run time: comments,
docstrings, annotations of functions, the words of an error, the names of functions and files.
"""

import ast
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

ROOT = "stillhouse"
_NAMED = re.compile(rf"{ROOT}(?:\.\w+)+(?::\w+)?")
_DOTTED = re.compile(r"\w+(?:\.\w+)*")
# Decorators that read no annotation of what they decorate.
_PLAIN = """
property staticmethod classmethod cache lru_cache cached_property contextmanager abstractmethod
override overload wraps field_validator model_validator dataclass final no_grad inference_mode
"""
# Decorators that only make what they decorate, and register it nowhere.
_MAKE = """
dataclass cache lru_cache contextmanager final total_ordering overload no_grad inference_mode
"""
_PLAIN_DECORATORS, _MAKING_DECORATORS = frozenset(_PLAIN.split()), frozenset(_MAKE.split())
# Fields of syntax that say nothing.
_SILENT = frozenset({"ctx", "type_comment", "type_ignores", "kind"})


# Syntax that may be written otherwise than by its fields.
_SPECIAL = (
    ast.Expr,
    ast.Import,
    ast.ImportFrom,
    ast.If,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.AnnAssign,
    ast.Raise,
    ast.Name,
    ast.Attribute,
)


class Target(NamedTuple):
    """What a name means: a definition of a module, or with `name` None the module itself."""

    module: str
    name: str | None


@dataclass
class Definition:
    """A top-level name of a module; the name "" is what the module does when it is imported."""

    module: str
    name: str
    own: str
    """The hash of what it says, with a number for each mention."""
    mentions: tuple[Target, ...]
    imports: frozenset[str]
    """Modules that it imports when it runs."""


@dataclass
class Module:
    """A module's definitions by name, and the modules that importing it imports."""

    name: str
    definitions: dict[str, Definition] = field(default_factory=dict)
    aliases: dict[str, Target] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    """Those at its top level."""


class Known(NamedTuple):
    """Which names are those of modules whose code counts."""

    is_module: Callable[[str], bool]
    """Tells modules from names within one."""
    roots: frozenset[str] = frozenset({ROOT})
    """The first parts of their names: the package, and a project's own modules."""

    def has(self, module: str | None) -> bool:
        """Whether a module's code counts, or that of modules below it."""
        return module is not None and module.partition(".")[0] in self.roots


def read_module(name: str, source: bytes, known: Known, package: str = "") -> Module:
    """The definitions of a module called `name`; its relative imports are from `package`.

    Raises SyntaxError, for the package's own modules also where they import in a way that hides
    what is meant. A project's modules may: what they import so counts as a whole.
    """
    tree = ast.parse(source)
    if not _is_ours(name):
        tree = _Absolute(package).visit(tree)
    grouped = _by_name(tree.body)
    imports = {each: _imports(each) for each in tree.body}
    aliases = _aliases(chain(*imports.values()), known, strict=_is_ours(name))
    module = Module(name, aliases=aliases, functions=_functions(tree))
    module.imports = frozenset(_imported(_at_import(tree.body), known))
    for own_name, statements in grouped.items():
        writer = _Writer(name, set(grouped) - {""}, aliases, known)
        text = writer.write(statements, named=not own_name)
        # An import that was parted from others is no statement of the module; it is its own import.
        within = chain(*(imports.get(each, [each]) for each in statements))
        module.definitions[own_name] = Definition(
            name,
            own_name,
            hashlib.sha256(text.encode()).hexdigest(),
            tuple(writer.mentions),
            frozenset(_imported(within, known)),
        )
    return module


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}


class _Absolute(ast.NodeTransformer):
    """Relative imports as absolute ones."""

    def __init__(self, package: str) -> None:
        self.package = package

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.level:
            parts = self.package.split(".")
            above = parts[: len(parts) - node.level + 1]
            node.module = ".".join([*above, *filter(None, [node.module])])
            node.level = 0
        return node


def _by_name(body: Iterable[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """Each top-level name's statements; under "" all that has an effect of its own."""
    grouped: dict[str, list[ast.stmt]] = {"": []}
    for statement in body:
        is_doc = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if is_doc or _is_for_types(statement):
            continue
        for part in _parted(statement):
            for each in _defined(part) or [""]:
                grouped.setdefault(each, []).append(part)
    return grouped


def _parted(statement: ast.stmt) -> list[ast.stmt]:
    """An import as one statement a name, so that one more changes no other."""
    match statement:
        case ast.Import(names=names):
            return [ast.Import(names=[each]) for each in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            return [ast.ImportFrom(module=module, names=[each], level=level) for each in names]
    return [statement]


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement makes, and by which alone it has an effect; else none."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            known = all(_called(each) in _MAKING_DECORATORS for each in statement.decorator_list)
            return [name] if known else []
        case ast.Assign(targets=targets) if all(
            isinstance(t, ast.Name | ast.Tuple) for t in targets
        ):
            return [name.id for target in targets for name in _names(target)]
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Import(names=aliases):
            return [a.asname or a.name.partition(".")[0] for a in aliases]
        case ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name for alias in aliases if alias.name != "*"]
    return []


def _names(target: ast.expr) -> list[ast.Name]:
    return [node for node in ast.walk(target) if isinstance(node, ast.Name)]


def _called(node: ast.expr) -> str:
    """The last name of what is called or decorates: `cache` of `functools.cache`."""
    called = node.func if isinstance(node, ast.Call) else node
    return getattr(called, "attr", getattr(called, "id", ""))


def _is_for_types(statement: ast.stmt) -> bool:
    """`if TYPE_CHECKING:`, which never runs."""
    test = statement.test if isinstance(statement, ast.If) else None
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


def _imports(statement: ast.stmt) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(statement) if isinstance(node, ast.Import | ast.ImportFrom)]


def _aliases(
    imports: Iterable[ast.Import | ast.ImportFrom], known: Known, *, strict: bool
) -> dict[str, Target]:
    """What names mean that are imported anywhere in a module, of modules whose code counts.

    One that is imported as two things means none of them; if `strict` that is a SyntaxError.
    """
    found: dict[str, Target] = {}
    unclear = set()
    for node in imports:
        if strict and isinstance(node, ast.ImportFrom) and node.level:
            raise SyntaxError(f"line {node.lineno}: write `from {ROOT}... import ...`")
        for alias in node.names:
            name, target = alias.asname or alias.name, _target(node, alias, known)
            if target is None or name == "*":
                continue
            if isinstance(node, ast.Import) and "." in name:
                if strict:
                    raise SyntaxError(f"line {node.lineno}: write `from {ROOT}... import ...`")
                unclear.add(name.partition(".")[0])
            elif found.setdefault(name, target) != target:
                if strict:
                    raise SyntaxError(f"{name} is imported as two things")
                unclear.add(name)
    return {name: target for name, target in found.items() if name not in unclear}


def _target(node: ast.Import | ast.ImportFrom, alias: ast.alias, known: Known) -> Target | None:
    """What is imported, where its code counts."""
    if isinstance(node, ast.Import):
        return Target(alias.name, None) if known.has(alias.name) else None
    if node.module is None or not known.has(node.module):
        return None
    whole = f"{node.module}.{alias.name}"
    if known.is_module(whole):
        return Target(whole, None)
    return Target(node.module, None if alias.name == "*" else alias.name)


def _is_ours(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == ROOT


def _at_import(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """What runs when a module is imported: all but the bodies of its functions."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.stmt) and _is_for_types(node):
            continue
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


def _imported(nodes: Iterable[ast.AST], known: Known) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and known.has(node.module):
            assert node.module
            yield node.module
            for alias in node.names:
                if known.is_module(f"{node.module}.{alias.name}"):
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if known.has(each.name))


class _Writer:
    """Writes statements as text that is the same whenever they mean the same."""

    def __init__(
        self,
        module: str,
        siblings: set[str],
        aliases: dict[str, Target],
        known: Known,
    ) -> None:
        self.module, self.siblings, self.aliases = module, siblings, aliases
        self.known = known
        self.mentions: list[Target] = []
        self.local: frozenset[str] = frozenset()
        self.in_function = False

    def write(self, statements: list[ast.stmt], *, named: bool) -> str:
        """What statements say; `named`: with the names that they define."""
        return "\n".join(filter(None, (self._top(each, named=named) for each in statements)))

    def _top(self, statement: ast.stmt, *, named: bool) -> str:
        """A top-level statement; unless `named`, without the name that it defines."""
        self.local = _bound_within(statement)
        if named:
            return self._node(statement)
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._function(statement, name="")
            case ast.Assign(targets=targets, value=value):
                places = [
                    [name.id for name in _names(target)] if isinstance(target, ast.Tuple) else ""
                    for target in targets
                ]
                return f"= {places} {self._value(value)}"
            case ast.AnnAssign(value=value) if value:
                return f"= [''] {self._value(value)}"
        return self._node(statement)

    def _value(self, value: Any) -> str:
        match value:
            case ast.AST():
                return self._node(value) if isinstance(value, _SPECIAL) else self._fields(value)
            case list():
                return f"[{','.join(filter(None, map(self._value, value)))}]"
            case str():
                self._named(value)
        return f"{type(value).__name__}:{value!r}"

    def _node(self, node: ast.AST) -> str:
        match node:
            case ast.Expr(value=ast.Constant()):
                return ""
            case ast.ImportFrom(module=module) if self.known.has(module):
                return self._import(node)
            case ast.Import(names=names) if any(
                self.known.has(each.name) and each.name != ROOT for each in names
            ):
                return self._import(node)
            case ast.If() if _is_for_types(node):
                return ""
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._function(node, node.name)
            case ast.ClassDef():
                outer, self.in_function = self.in_function, False
                text = self._fields(node)
                self.in_function = outer
                return text
            case ast.AnnAssign() if self.in_function:
                return self._fields(node, {"annotation"})
            case ast.AnnAssign():  # of a class, and read when it is made, in quotes or not
                node.annotation = _Unquoted().visit(node.annotation)
            case ast.Raise(exc=ast.Call() as call):
                return f"Raise({self._without_words(call)},{self._value(node.cause)})"
            case ast.Expr(
                value=ast.Call(
                    func=ast.Name(id="print")
                    | ast.Attribute(value=ast.Name(id="logger" | "warnings"))
                ) as call
            ):  # only tells people something
                return f"Expr({self._without_words(call)})"
            case ast.Name(id=name):
                return self._mention(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if self._is_module(name):
                return self._mention_target(Target(self.aliases[name].module, attr))
        return self._fields(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> str:
        """What an import does: nothing where a name that it makes is a mention of what is meant."""
        written = []
        for alias in node.names:
            name, target = alias.asname or alias.name, _target(node, alias, self.known)
            if target is None:
                written.append(self._fields(alias))
            elif self.aliases.get(name) != target:
                written.append(f"import({name},{self._mention_target(target)})")
        return "\n".join(written)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> str:
        """A function; without its annotations where no decorator could read them."""
        outer, self.in_function = self.in_function, True
        if all(_called(each) in _PLAIN_DECORATORS for each in node.decorator_list):
            args, without = node.args, {"name", "args", "returns"}
            groups = (args.posonlyargs, args.args, args.kwonlyargs)
            names = [[each.arg for each in group] for group in groups]
            rest = [each.arg if each else "" for each in (args.vararg, args.kwarg)]
            defaults = f"{self._value(args.defaults)}{self._value(args.kw_defaults)}"
            arguments = f"{names}{rest}{defaults}"
        else:
            arguments, without = self._fields(node.args), {"name", "args"}
        text = f"{name}{arguments}{self._fields(node, without)}"
        self.in_function = outer
        return text

    def _fields(self, node: ast.AST, without: Collection[str] = ()) -> str:
        """A node and its fields; empty ones are left out, so that all versions of Python agree."""
        written = []
        for name, value in ast.iter_fields(node):
            if name in without or name in _SILENT or value is None or value == []:
                continue
            written.append(f"{name}={self._value(value)}")
        return f"{type(node).__name__}({','.join(written)})"

    def _without_words(self, call: ast.Call) -> str:
        """A call without the texts in its arguments; what is put into them counts."""
        parts = [self._value(call.func)]
        named = [("", argument) for argument in call.args]
        named += [(keyword.arg or "**", keyword.value) for keyword in call.keywords]
        for name, argument in named:
            values = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
            for value in values:
                if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
                    parts.append(f"{name}={self._value(value)}")
        return "!".join(parts)

    def _is_module(self, name: str) -> bool:
        target = self.aliases.get(name)
        return name not in self.local and target is not None and target.name is None

    def _mention(self, name: str) -> str:
        target = self.aliases.get(name)
        if target is None and name in self.siblings:
            target = Target(self.module, name)
        if target is None:
            return f"Name({name})"
        mention = self._mention_target(target)
        return f"Name({name})" if name in self.local else mention

    def _mention_target(self, target: Target) -> str:
        if target not in self.mentions:
            self.mentions.append(target)
        return f"@{self.mentions.index(target)}"

    def _named(self, text: str) -> None:
        """Modules and definitions that a text names, as registries do that import late."""
        for found in _NAMED.findall(text):
            module, _, name = found.partition(":")
            if self.known.is_module(module):
                self._mention_target(Target(module, name or None))
        if _DOTTED.fullmatch(text) and not _is_ours(text) and self.known.is_module(text):
            self._mention_target(Target(text, None))


class _Unquoted(ast.NodeTransformer):
    """Annotations as expressions where they are written as text: `"Answer | None"`."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, str):
            return node
        try:
            return ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return node


def _bound_within(statement: ast.stmt) -> frozenset[str]:
    """The names that a definition binds in its functions: those may hide a module's own."""
    found: set[str] = set()
    waiting: list[tuple[ast.AST, bool]] = [(statement, False)]
    while waiting:
        node, in_function = waiting.pop()
        if isinstance(node, ast.Name):
            if in_function and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            in_function = True
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.comprehension):
            found.update(name.id for name in _names(node.target))
        waiting.extend((child, in_function) for child in ast.iter_child_nodes(node))
    return frozenset(found)
