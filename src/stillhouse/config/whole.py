"""The whole configuration: all mistakes of `params.yaml` and of `conf/` at once, before any work.

It only refuses, and hands on what the models made of the files. What a stage reads of it is
`stage`, so that an edit here, or of an entry that a stage does not read, reruns nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import to_json

from stillhouse.config.augment import AugmentConf
from stillhouse.config.base import Conf
from stillhouse.config.contradictions import Chosen, contradictions
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.judge import JudgeConf
from stillhouse.config.knobs import Knobs
from stillhouse.config.mistakes import line, look_alike, shown
from stillhouse.config.own import problems_of_own
from stillhouse.config.pipeline import stages, tracked_by_name
from stillhouse.config.prompt import PromptConf
from stillhouse.config.running import problems_of_running
from stillhouse.config.search import SearchConf
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.yaml import read_yaml

C = TypeVar("C", bound=Conf)
Check = Callable[["Entries", list[str]], int]
"""Checks files beside these entries, adds what is wrong to the list, returns how many it read."""

GROUPS: dict[str, type[Conf]] = {
    "dataset": DatasetConf,
    "embedder": EmbedderConf,
    "prompt": PromptConf,
    "teacher": TeacherConf,
    "student": StudentConf,
    "judge": JudgeConf,
    "augment": AugmentConf,
    "search": SearchConf,
}


def problems_of(path: object, error: ValidationError) -> list[str]:
    """A line for each mistake that a model found; `path` says where."""
    return [f"{path}: {line(detail)}" for detail in error.errors(include_url=False)]


def checked_conf(
    path: Path, model: type[C], problems: list[str], *, tracked: Collection[str] = ()
) -> C | None:
    """Read one file as `model`; its mistakes are added to `problems`.

    With mistakes, what is returned has only the fields that are right. Keys that DVC tracks have
    to be written out.
    """
    try:
        values = read_yaml(path)
    except StillhouseError as error:
        problems.append(str(error))
        return None
    return checked_values(path, values, model, problems, tracked=tracked)


def checked_values(
    path: object,
    values: Any,
    model: type[C],
    problems: list[str],
    *,
    tracked: Collection[str] = (),
) -> C | None:
    """What a file holds as `model`; see `checked_conf`."""
    if not isinstance(values, dict):
        problems.append(f"{path}: expected a mapping of keys, found {type(values).__name__}.")
        return None
    # DVC runs a stage to its end and then fails when a file lacks a key that dvc.yaml tracks,
    # so such a key has to be written even where the default would do.
    problems.extend(
        f"{path}: `{name}` is missing; write it out even as its default, since DVC tracks it: "
        f"`{name}: {to_json(field.get_default(call_default_factory=True)).decode()}`."
        for name, field in model.model_fields.items()
        if name in tracked and name not in values and not field.is_required()
    )
    try:
        conf = model.model_validate(values)
    except ValidationError as error:
        problems.extend(problems_of(path, error))
        conf = model.what_is_right(values, error)
    problems.extend(f"{path}: {problem}." for problem in problems_of_running(conf))
    return conf


def fail_on(problems: list[str]) -> None:
    """Raise one error that lists all problems, if there are any."""
    if problems:
        count = f"{len(problems)} mistakes" if len(problems) > 1 else "A mistake"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise StillhouseError(f"{count} in the configuration:\n{lines}")


def names(group: str, root: Path = Path()) -> list[str]:
    """The entries of one group."""
    return sorted(path.stem for path in (root / paths.CONF / group).glob("*.yaml"))


class Entries:
    """The entries of `conf/`, each read once, with their mistakes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[tuple[str, str], tuple[Conf | None, list[str]]] = {}

    def read(self, group: str, name: str, problems: list[str]) -> Conf | None:
        """One entry; its mistakes are added to `problems` unless they are there already."""
        if name not in names(group, self.root):
            problems.append(
                f"{self.root / paths.PARAMS}: `{group}` is {shown(name)}, but "
                f"conf/{group}/{name}.yaml does not exist."
                f"{did_you_mean(name, names(group, self.root))}{look_alike(name)}"
            )
            return None
        if (group, name) not in self._read:
            found: list[str] = []
            path = self.root / paths.CONF / group / f"{name}.yaml"
            tracked = tracked_by_name(group, self.root)
            entry = checked_conf(path, GROUPS[group], found, tracked=tracked)
            if entry is not None:
                found += [f"{path}: {each}." for each in problems_of_own(entry, self.root)]
            if isinstance(entry, SearchConf):
                named = getattr(entry, "prompts", ())
                unknown = _unknown_prompts("prompts", named, self.root)
                found += [f"{path}: {each}" for each in unknown]
            self._read[group, name] = entry, found
        entry, found = self._read[group, name]
        problems.extend(problem for problem in found if problem not in problems)
        return entry

    def known(self, group: str, name: object) -> Conf | None:
        """One entry without its mistakes, which are reported elsewhere; None if there is none."""
        if not isinstance(name, str) or name not in names(group, self.root):
            return None
        return self.read(group, name, [])

    def searched(self, search: Conf | None, problems: list[str]) -> dict[str, PromptConf]:
        """The prompts that a search tries, by name; their mistakes are added to `problems`."""
        named = getattr(search, "prompts", ()) if isinstance(search, SearchConf) else ()
        return self._prompts(named, problems)

    def zero_shot(
        self, knobs: Knobs | None, where: object, problems: list[str]
    ) -> dict[str, PromptConf]:
        """The prompts that the knob `zero_shot` names; their mistakes are added to `problems`."""
        named = [each.split(":", 1)[1] for each in getattr(knobs, "zero_shot", ())]
        unknown = _unknown_prompts("zero_shot", named, self.root)
        problems.extend(f"{where}: {each}" for each in unknown)
        return self._prompts(named, problems)

    def _prompts(self, named: Iterable[str], problems: list[str]) -> dict[str, PromptConf]:
        known = [name for name in named if name in names("prompt", self.root)]
        read = {name: self.read("prompt", name, problems) for name in known}
        return {name: entry for name, entry in read.items() if isinstance(entry, PromptConf)}


def _unknown_prompts(key: str, named: Iterable[str], root: Path) -> Iterator[str]:
    known = names("prompt", root)
    for name in named:
        if name not in known:
            yield (
                f"`{key}` names {shown(name)}, but conf/prompt/{name}.yaml does not exist."
                f"{did_you_mean(name, known)}{look_alike(name)}"
            )


def _entries(root: Path) -> Entries:
    if not (root / paths.PARAMS).exists():
        raise StillhouseError(
            f"{root / paths.PARAMS} does not exist. Run this in the project's own folder, where "
            f"{paths.PARAMS} and {paths.PIPELINE} are."
        )
    return Entries(root)


def load_entry(model: type[C], name: str, root: Path = Path()) -> C:
    """Load one entry of `conf/`, whichever group the model belongs to."""
    group = next(group for group, candidate in GROUPS.items() if candidate is model)
    problems: list[str] = []
    entry = Entries(root).read(group, name, problems)
    fail_on(problems)
    assert isinstance(entry, model)
    return entry


def load_all(root: Path = Path()) -> tuple[Knobs, dict[str, Conf]]:
    """Load `params.yaml` and the entries it names; every mistake is reported at once."""
    problems: list[str] = []
    knobs, entries = _chosen(_entries(root), problems)
    fail_on(problems)
    assert knobs
    return knobs, entries


def _chosen(entries: Entries, problems: list[str]) -> tuple[Knobs | None, dict[str, Conf]]:
    """The knobs and the entries that they name, also where another knob is wrong."""
    path = entries.root / paths.PARAMS
    knobs = checked_conf(path, Knobs, problems)
    named = {group: getattr(knobs, group, None) for group in GROUPS}
    found = {
        group: entry
        for group, name in named.items()
        if name is not None and (entry := entries.read(group, name, problems))
    }
    problems.extend(_problems_of_pipeline(entries.root))
    prompts = entries.searched(found.get("search"), problems)
    prompts |= entries.zero_shot(knobs, path, problems)
    against = contradictions(Chosen(entries.root, knobs, found, prompts))
    problems.extend(f"{path}: {problem}." for problem in against)
    return knobs, found


def _problems_of_pipeline(root: Path) -> Iterator[str]:
    """What dvc.yaml tracks that is no knob and no key of an entry."""
    knobs = {field.alias or name for name, field in Knobs.model_fields.items()}
    for stage, declared in stages(root).items():
        tracked = [("knob", "params.yaml", knobs, declared.knobs)] + [
            ("key", f"conf/{group}", GROUPS[group].model_fields.keys(), keys)
            for group, keys in declared.entries.items()
            if group in GROUPS
        ]
        for kind, place, known, keys in tracked:
            for key in sorted((keys or frozenset()) - known):
                said = f"{root / paths.PIPELINE}: the stage `{stage}` tracks the {kind} `{key}`, "
                outer = key.partition(".")[0]
                if outer in known:  # the rest of it would be read and not be seen
                    yield f"{said}but stages are given whole keys: write `{outer}`."
                else:
                    yield f"{said}which {place} does not have.{did_you_mean(key, known)}"


def check_all(root: Path = Path(), *, also: Iterable[Check] = ()) -> int:
    """Check `params.yaml`, every file under `conf/`, how those that it names go together, and what
    `also` checks; returns how many files there are.
    """
    problems: list[str] = []
    entries = _entries(root)
    _chosen(entries, problems)
    checked = 1
    for group in GROUPS:
        for name in names(group, root):
            entries.read(group, name, problems)
            checked += 1
    checked += sum(check(entries, problems) for check in also)
    fail_on(problems)
    return checked
