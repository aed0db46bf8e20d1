"""Loading: all mistakes of `params.yaml` and its conf entries at once, before any work.

A stage declares what it reads as a `StageConfig`: a field named after a knob takes that knob; a
field listed in `ENTRIES` takes the declared keys of `conf/<group>/<name>.yaml`, where the knob
`<group>` gives the name. Reading a key that is not declared raises AttributeError, and a test holds
the declarations to the `params` of dvc.yaml: so DVC sees all that a stage reads.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import to_json

from stillhouse.config.augment import AugmentConf
from stillhouse.config.base import Conf
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.judge import JudgeConf
from stillhouse.config.knobs import Knobs, Recipe
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean

C = TypeVar("C", bound=Conf)
Check = Callable[[Path, list[str]], int]
"""Checks files below a root, adds what is wrong to the list, and returns how many files it read."""

GROUPS: dict[str, type[Conf]] = {
    "dataset": DatasetConf,
    "embedder": EmbedderConf,
    "prompt": PromptConf,
    "teacher": TeacherConf,
    "student": StudentConf,
    "judge": JudgeConf,
    "augment": AugmentConf,
}

OPTIONAL: dict[type[Conf], frozenset[str]] = {
    Knobs: frozenset(),
    DatasetConf: frozenset(),
    EmbedderConf: frozenset({"mirror", "trust_remote_code", "compute"}),
    PromptConf: frozenset({"separator", "reply_separator", "splits"}),
    TeacherConf: frozenset(),
    StudentConf: frozenset({"mirror", "compute"}),
    JudgeConf: frozenset({"compute", "price"}),
    AugmentConf: frozenset(),
}
"""Keys that a file that DVC tracks may leave out: those that dvc.yaml does not track by name."""


class _Yaml12Loader(yaml.SafeLoader):
    """PyYAML with YAML 1.2 numbers: `1e-05`, as `-S lambda=1e-5` writes it, is a float."""


_Yaml12Loader.yaml_implicit_resolvers = {
    first: [pair for pair in resolvers if pair[0] != "tag:yaml.org,2002:float"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml12Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.inf|\.nan)$",
        re.IGNORECASE,
    ),
    list("-+0123456789."),
)


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a malformed one is an error that names the line."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as error:
        raise StillhouseError(f"{path} does not exist.") from error
    except UnicodeDecodeError as error:
        raise StillhouseError(f"{path} is not well-formed YAML: {error}") from error


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML; `where` names the source in an error."""
    try:
        return yaml.load(text, Loader=_Yaml12Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise StillhouseError(f"{where} is not well-formed YAML: {error}") from error


def problems_of(path: object, error: ValidationError, model: type[Conf]) -> list[str]:
    """A line for each mistake that pydantic found; `path` says where."""
    problems = []
    for detail in error.errors():
        where = ".".join(str(part) for part in detail["loc"]) or "(top level)"
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            known = [field.alias or name for name, field in model.model_fields.items()]
            hint = did_you_mean(str(detail["loc"][-1]), known) if len(detail["loc"]) == 1 else ""
            problems.append(f"{path}: unknown key `{where}`.{hint}")
        elif detail["type"] == "missing":
            problems.append(f"{path}: `{where}` is missing.")
        else:
            shown = repr(detail["input"])
            shown = shown if len(shown) <= 80 else shown[:77] + "..."
            problems.append(f"{path}: `{where}` is {shown}: {message}.")
    return problems


def checked_conf(path: Path, model: type[C], problems: list[str]) -> C | None:
    """Read one file as `model`; its mistakes are added to `problems`."""
    try:
        values = read_yaml(path)
    except StillhouseError as error:
        problems.append(str(error))
        return None
    if not isinstance(values, dict):
        problems.append(f"{path}: expected a mapping of keys, found {type(values).__name__}.")
        return None
    if model in OPTIONAL:
        problems.extend(_left_out(path, model, values))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems.extend(problems_of(path, error, model))
        return None


def _left_out(path: Path, model: type[Conf], values: dict[str, Any]) -> list[str]:
    # DVC runs a stage to its end and then fails when a file lacks a key that dvc.yaml tracks,
    # so such a key has to be written even where the default would do.
    return [
        f"{path}: `{name}` is missing; write it out even as its default, since DVC tracks it: "
        f"`{name}: {to_json(field.get_default(call_default_factory=True)).decode()}`."
        for name, field in model.model_fields.items()
        if name not in values and not field.is_required() and name not in OPTIONAL[model]
    ]


def fail_on(problems: list[str]) -> None:
    """Raise one error that lists all problems, if there are any."""
    if problems:
        count = f"{len(problems)} mistakes" if len(problems) > 1 else "A mistake"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise StillhouseError(f"{count} in the configuration:\n{lines}")


def names(group: str, root: Path = Path()) -> list[str]:
    """The entries of one conf group."""
    return sorted(path.stem for path in (root / paths.CONF / group).glob("*.yaml"))


def _entry(group: str, name: str, root: Path, problems: list[str]) -> Conf | None:
    if name not in names(group, root):
        problems.append(
            f"{root / paths.PARAMS}: `{group}` is {name!r}, but conf/{group}/{name}.yaml does not "
            f"exist.{did_you_mean(name, names(group, root))}"
        )
        return None
    return checked_conf(root / paths.CONF / group / f"{name}.yaml", GROUPS[group], problems)


def load_entry(model: type[C], name: str, root: Path = Path()) -> C:
    """Load one entry of `conf/`, whichever group the model belongs to."""
    group = next(group for group, candidate in GROUPS.items() if candidate is model)
    problems: list[str] = []
    entry = _entry(group, name, root, problems)
    fail_on(problems)
    assert isinstance(entry, model)
    return entry


def load_all(root: Path = Path()) -> tuple[Knobs, dict[str, Conf]]:
    """Load `params.yaml` and the entries it names; every mistake is reported at once."""
    problems: list[str] = []
    knobs = checked_conf(root / paths.PARAMS, Knobs, problems)
    entries = {}
    for group, name in _chosen(root).items():
        entry = _entry(group, name, root, problems)
        if entry:
            entries[group] = entry
    fail_on(problems)
    assert knobs
    return knobs, entries


def _chosen(root: Path) -> dict[str, str]:
    """The entries that `params.yaml` names, also where another knob of it is wrong."""
    try:
        values = read_yaml(root / paths.PARAMS)
    except StillhouseError:
        return {}
    named = values if isinstance(values, dict) else {}
    return {group: named[group] for group in GROUPS if isinstance(named.get(group), str)}


def check_all(root: Path = Path(), *, also: Iterable[Check] = ()) -> int:
    """Check `params.yaml`, every file under `conf/` and what `also` checks; returns how many."""
    problems: list[str] = []
    checked_conf(root / paths.PARAMS, Knobs, problems)
    checked = 1
    for group, model in GROUPS.items():
        for name in names(group, root):
            checked_conf(root / paths.CONF / group / f"{name}.yaml", model, problems)
            checked += 1
    checked += sum(check(root, problems) for check in also)
    fail_on(problems)
    return checked


@dataclass(frozen=True)
class Entry:
    """Marks a stage's field as the entry that a knob names, and the keys of it that are read.

    `keys` change the result and stand under the stage's `params`; `untracked` ones only change how
    it is computed, so DVC does not see them.
    """

    keys: tuple[str, ...]
    untracked: tuple[str, ...] = ()

    def view(self, entry: C) -> C:
        """The entry with the declared keys alone; any other attribute is missing."""
        declared = {key: getattr(entry, key) for key in (*self.keys, *self.untracked)}
        view = type(entry).model_construct(**declared)
        for key in type(entry).model_fields.keys() - declared.keys():
            view.__dict__.pop(key, None)  # a default that the stage did not declare
        return view


def _knob(knobs: Knobs, name: str) -> Any:
    if name == "recipe":
        return Recipe.model_construct(**{n: getattr(knobs, n) for n in Recipe.model_fields})
    return getattr(knobs, name)


class StageConfig(Conf):
    """What one stage reads of the configuration.

    A field `recipe` takes every knob that makes a student.
    """

    ENTRIES: ClassVar[dict[str, Entry]] = {}

    @classmethod
    def load(cls, root: Path = Path()) -> Self:
        """Check the whole configuration, then take this stage's part of it."""
        knobs, entries = load_all(root)
        values: dict[str, Any] = {
            name: cls.ENTRIES[name].view(entries[name])
            if name in cls.ENTRIES
            else _knob(knobs, name)
            for name in cls.model_fields
        }
        # Checked already; validating again would run the entries' own checks on keys left out.
        return cls.model_construct(**values)
