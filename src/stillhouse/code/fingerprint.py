"""A stage's fingerprint: what all the code means that its script can reach.

From the script on, a definition is reached when one that is reached mentions it, and what a module
does when it is imported when it is imported at all. A definition's meaning is a hash of what it
says and of the meanings of what it mentions, so that names of functions and files do not count.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from stillhouse.code.definitions import ROOT, Definition, Known, Module, Target, read_module
from stillhouse.core.errors import StillhouseError
from stillhouse.hooks.hook import KEEP, OPEN, ROWS, SCORE, Hook
from stillhouse.hooks.modules import require_own_name, user_modules

PRESENTS = frozenset(
    {
        "stillhouse.cli",
        "stillhouse.code",
        "stillhouse.config.mistakes",
        "stillhouse.config.whole",
        "stillhouse.core.errors",
        "stillhouse.core.log",
        "stillhouse.core.progress",
        "stillhouse.hooks.find",
        "stillhouse.hooks.modules",
    }
)
"""Modules that only tell people something or refuse to go on: no output depends on them."""
_HOOKS = "stillhouse.hooks.hook"


class Key(NamedTuple):
    """A definition's place."""

    module: str
    name: str


class Fingerprint(NamedTuple):
    """What a stage's code means, and the hash of each of its definitions by its place."""

    digest: str
    definitions: Mapping[str, str]


class Sources:
    """The modules of a package and of a folder of scripts, each read when it is needed.

    `stages` are the scripts of that folder; what else is there are a project's own modules. Left
    out, every file is a script that lies right in the folder.
    """

    def __init__(self, package: Path, scripts: Path, stages: Collection[str] | None = None) -> None:
        self.package, self.scripts = package, scripts
        self._stages = stages
        self._modules: dict[str, Module] = {}

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Each module's file."""
        found = {}
        for path in sorted(self.package.rglob("*.py")):
            parts = path.relative_to(self.package).with_suffix("").parts
            name = ".".join((ROOT, *parts)).removesuffix(".__init__")
            found[name] = path
        return {**found, **self.own}

    @cached_property
    def own(self) -> Mapping[str, Path]:
        """The files of the project's own modules. Raises StillhouseError for a taken name."""
        found = user_modules(self.scripts, self.stages())
        for name, file in found.items():
            try:
                require_own_name(name, file, self.stages())
            except StillhouseError as error:
                raise StillhouseError(f"{error}.") from error
        return found

    @cached_property
    def _known(self) -> Known:
        roots = {name.partition(".")[0] for name in self.own} | {ROOT}
        return Known(self.files.__contains__, frozenset(roots))

    def module(self, name: str) -> Module:
        """The module of that name."""
        if name not in self._modules:
            self._modules[name] = self._read(name, self.files[name])
        return self._modules[name]

    def script(self, stage: str) -> Module:
        """A stage's script, read as a module of its name."""
        return self._read(stage, self.scripts / f"{stage}.py")

    def stages(self) -> list[str]:
        """The stages that have a script."""
        found = sorted(path.stem for path in self.scripts.glob("*.py"))
        return found if self._stages is None else [each for each in found if each in self._stages]

    def _read(self, name: str, path: Path) -> Module:
        try:
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            return read_module(name, path.read_bytes(), self._known, package)
        except SyntaxError as error:
            raise StillhouseError(
                f"{path}, line {error.lineno}, cannot be read as Python: {error.msg}."
            ) from error


def fingerprint(stage: str, sources: Sources) -> Fingerprint:
    """The fingerprint of a stage's code. Raises StillhouseError where a file is no Python."""
    return _fingerprint(sources.script(stage), sources)


def of_module(name: str, sources: Sources) -> Fingerprint:
    """The fingerprint of all that a module and what it reaches mean."""
    return _fingerprint(sources.module(name), sources)


def _fingerprint(root: Module, sources: Sources) -> Fingerprint:
    reach = _Reach(sources, root)
    meanings = _meanings(reach.found, reach.mentioned)
    data = [
        _data(sources.files[name], own=name in sources.own)
        for name in reach.executed
        if name in sources.files
    ]
    # A hook is called by its name, so that counts: two that change names are others.
    hooks = [
        f"{module}:{name} {' '.join(meanings[key] for key in meant)}"
        for (module, name), meant in reach.hooks.items()
    ]
    said = sorted({*meanings.values(), *filter(None, data), *hooks})
    own = {f"{key.module}:{key.name}": each.own for key, each in sorted(reach.found.items())}
    return Fingerprint(hashlib.sha256("\n".join(said).encode()).hexdigest(), own)


def presents(module: str) -> bool:
    """Whether a module only tells people something."""
    return module in PRESENTS or module.endswith(".cli") or module.startswith("stillhouse.code.")


class _Reach:
    """What is reached, found step by step."""

    def __init__(self, sources: Sources, script: Module) -> None:
        self.sources, self.script = sources, script
        self.found: dict[Key, Definition] = {}
        self.mentioned: dict[Key, list[tuple[Target, list[Key]]]] = {}
        self.executed: set[str] = set()
        self.hooks: dict[Target, list[Key]] = {}
        """What is reached by each function of the project's own that may be called as a hook."""
        self._import(script.imports)
        for name in script.definitions:
            self._reach(Key(script.name, name))
        while new := self._functions_for_hooks() - self.hooks.keys():
            for function in sorted(new):
                self._import([function.module])
                self.hooks[function] = self._resolved(function)
                for key in self.hooks[function]:
                    self._reach(key)

    def _functions_for_hooks(self) -> set[Target]:
        """The project's own functions that fit a hook whose definition is reached."""
        known: Mapping[str, Hook] = {"ROWS": ROWS, "SCORE": SCORE, "KEEP": KEEP, "OPEN": OPEN}
        hooks = [hook for name, hook in known.items() if Key(_HOOKS, name) in self.found]
        return {
            Target(module, name)
            for module in (self.sources.own if hooks else ())
            for name, function in self.sources.module(module).functions.items()
            if any(hook.fits(function) for hook in hooks)
        }

    def _module(self, name: str) -> Module:
        return self.script if name == self.script.name else self.sources.module(name)

    def _is_known(self, name: str) -> bool:
        return not presents(name) and (name in self.sources.files or name == self.script.name)

    def _import(self, modules: Iterable[str]) -> None:
        for name in modules:
            if name in self.executed or not self._is_known(name):
                continue
            self.executed.add(name)
            package = name.rpartition(".")[0]
            self._import([package] if package else [])
            self._import(self._module(name).imports)
            self._reach(Key(name, ""))

    def _reach(self, first: Key) -> None:
        waiting = [first]
        while waiting:
            key = waiting.pop()
            if key in self.found:
                continue
            self.found[key] = definition = self._module(key.module).definitions[key.name]
            self._import(definition.imports)
            self.mentioned[key] = [(each, self._resolved(each)) for each in definition.mentions]
            keys = [each for _, meant in self.mentioned[key] for each in meant]
            self._import(each.module for each in keys)
            waiting.extend(keys)

    def _resolved(self, target: Target) -> list[Key]:
        """The definitions that a name means; none where it only tells people something."""
        module, name = target
        if not self._is_known(module):
            return []
        found = self._module(module)
        if name is None:
            return [Key(module, each) for each in found.definitions]
        if name in found.aliases:  # a name that the module itself imports
            return self._resolved(found.aliases[name])
        if name in found.definitions:
            return [Key(module, name)]
        if f"{module}.{name}" in self.sources.files:
            return self._resolved(Target(f"{module}.{name}", None))
        return [Key(module, "")]  # made by a statement that does more than make it


def _meanings(
    found: Mapping[Key, Definition], mentioned: Mapping[Key, list[tuple[Target, list[Key]]]]
) -> Mapping[Key, str]:
    """Each definition's meaning, refined by those of what it mentions until no two part."""
    meanings = {key: definition.own for key, definition in found.items()}
    kinds = 0
    while kinds < (kinds := len(set(meanings.values()))):
        refined = {}
        for key, definition in found.items():
            # A mention that only tells people something stands for itself: it keeps its place.
            said = [
                " ".join(meanings[each] for each in meant) or f"{target.module}:{target.name}"
                for target, meant in mentioned[key]
            ]
            text = "\n".join([definition.own, *said])
            refined[key] = hashlib.sha256(text.encode()).hexdigest()
        meanings = refined
    return meanings


def _data(file: Path, *, own: bool) -> str:
    """The hash of the files beside a package's `__init__` that are no Python; "" without any.

    Beside every one of the project's `own` modules, which may have no `__init__`.
    """
    if file.name != "__init__.py" and not own:
        return ""
    beside = [path for path in sorted(file.parent.iterdir()) if path.suffix not in (".py", ".pyc")]
    said = [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in beside
        if path.is_file() and not (own and path.name.startswith("."))
    ]
    return hashlib.sha256("\n".join(said).encode()).hexdigest() if said else ""
