"""Reading studies: every mistake of a study's file and of its conditions, before anything runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stillhouse.config.contradictions import Chosen, contradictions
from stillhouse.config.knobs import Knobs
from stillhouse.config.mistakes import look_alike
from stillhouse.config.whole import GROUPS, Entries, checked_conf, fail_on, names, problems_of
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.yaml import read_yaml
from stillhouse.studies.config import Condition, Study

STUDIES = Path("studies")


def study_names(root: Path = Path()) -> list[str]:
    """The studies that there are."""
    return sorted(path.stem for path in (root / STUDIES).glob("*.yaml"))


def read_study(name: str, root: Path = Path()) -> Study:
    """Load a study and check all its conditions, but not the entries that they name."""
    if name not in study_names(root):
        raise StillhouseError(f"There is no study {name!r}.{did_you_mean(name, study_names(root))}")
    problems: list[str] = []
    study = _checked(name, Entries(root), problems)
    fail_on(problems)
    assert study
    return study


def load_study(name: str, root: Path = Path()) -> Study:
    """Load a study and check all its conditions and the entries that they name."""
    study = read_study(name, root)
    base, entries = _params(root) or {}, Entries(root)
    chosen = {
        (group, entry)
        for condition in _conditions(name, study)
        for group, entry in (base | dict(condition.overrides)).items()
        if group in GROUPS and entry in names(group, root)
    }
    problems: list[str] = []
    for group, entry in sorted(chosen):
        entries.read(group, entry, problems)
    fail_on(problems)
    return study


def check_studies(entries: Entries, problems: list[str]) -> int:
    """Check every study and how its conditions' entries go together, but not the entries
    themselves; returns how many studies there are.
    """
    found = study_names(entries.root)
    for name in found:
        _checked(name, entries, problems)
    return len(found)


def _checked(name: str, entries: Entries, problems: list[str]) -> Study | None:
    before = len(problems)
    study = checked_conf(entries.root / STUDIES / f"{name}.yaml", Study, problems)
    if study is None:
        return None
    whole = len(problems) == before
    # Conditions share their mistakes, and the small form repeats those of the large one.
    try:
        found = dict.fromkeys(_mistakes(name, study, entries))
    except AttributeError:
        if whole:
            raise
        return None  # the conditions need what is wrong
    problems.extend(problem for problem in found if problem not in problems)
    return study if whole else None


def _conditions(name: str, study: Study) -> list[Condition]:
    small = study.conditions(name, small=True) if study.small else []
    return study.conditions(name, small=False) + small


def _mistakes(name: str, study: Study, entries: Entries) -> Iterator[str]:
    root = entries.root
    base = _params(root)
    if base is None:
        return  # params.yaml has mistakes of its own
    for condition in _conditions(name, study):
        where = f"{root / STUDIES / name}.yaml, condition {condition.row}, {condition.column}"
        values = base | dict(condition.overrides)
        try:
            knobs = Knobs.model_validate(values)
        except ValidationError as error:
            yield from problems_of(where, error)
            knobs = Knobs.what_is_right(values, error)
        for group in GROUPS.keys() & condition.overrides.keys():
            entry, known = condition.overrides[group], names(group, root)
            if isinstance(entry, str) and entry not in known:
                yield (
                    f"{where}: `{group}` is {entry!r}, but conf/{group}/{entry}.yaml does not "
                    f"exist.{did_you_mean(entry, known)}{look_alike(entry)}"
                )
        read = {group: entries.known(group, values.get(group)) for group in GROUPS}
        found = {group: entry for group, entry in read.items() if entry}
        of_names: list[str] = []
        prompts = entries.searched(found.get("search"), [])
        prompts |= entries.zero_shot(knobs, where, of_names)
        yield from of_names
        for problem in contradictions(Chosen(root, knobs, found, prompts)):
            yield f"{where}: {problem}."


def _params(root: Path) -> dict[str, Any] | None:
    try:
        values = read_yaml(root / paths.PARAMS)
        Knobs.model_validate(values)
    except (StillhouseError, ValidationError):
        return None
    return dict(values)
