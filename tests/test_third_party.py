"""requirements.lock is complete, and THIRD_PARTY.md lists what it holds."""

import tomllib
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement

from tests import third_party
from tests.third_party import ROOT, canonical

LOCK = [
    Requirement(line)
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if line and not line.startswith("#")
]
LOCKED = {
    canonical(entry.name): entry
    for entry in LOCK
    if entry.marker is None or entry.marker.evaluate()
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEPENDENCIES = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
BUILD = PROJECT["build-system"]["requires"]


def pins(entry):
    return [each.version for each in entry.specifier if each.operator == "=="]


@pytest.mark.parametrize("lines", [DEPENDENCIES, BUILD, *EXTRAS.values()], ids=str)
def test_the_lock_has_a_version_of_all_that_the_project_names(lines):
    for wanted in map(Requirement, lines):
        (found,) = pins(LOCKED[canonical(wanted.name)])
        assert found in wanted.specifier, f"{wanted} and the lock's {found}"


def test_the_lock_has_all_that_setting_up_installs():
    """But torch's own libraries, which differ by platform and build, and what is pinned anyway."""
    waiting = [Requirement(line) for line in [*DEPENDENCIES, *EXTRAS["dev"], *EXTRAS["s3"]]]
    seen, missing = set(), set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonical(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in LOCKED and not pins(wanted):
            missing.add(name)
        try:
            listed = requires(wanted.name) or []
        except PackageNotFoundError:
            continue
        for inner in map(Requirement, listed):
            if name == "torch" and "platform" in str(inner.marker):
                continue
            environments = [{"extra": extra} for extra in ("", *extras)]
            if inner.marker is None or any(map(inner.marker.evaluate, environments)):
                waiting.append(inner)
    assert missing == set()


def rows():
    lines = (ROOT / "THIRD_PARTY.md").read_text().splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return {name.strip("*"): licence for name, licence in cells if name != "package"}


def test_the_list_of_licences_is_that_of_the_lock():
    names = list(dict.fromkeys(entry.name for entry in LOCK))
    assert list(rows()) == names, "`make third-party` writes THIRD_PARTY.md"


def test_the_licences_are_those_that_the_packages_state():
    wrong = {}
    for name, licence in rows().items():
        try:
            same = version(name) in pins(LOCKED[canonical(name)])
        except PackageNotFoundError:
            same = name in third_party.NOT_INSTALLED
        if same and third_party.licence(name) != licence:
            wrong[name] = third_party.licence(name)
        assert licence != "see its files", name
    assert wrong == {}, "`make third-party` writes THIRD_PARTY.md"
