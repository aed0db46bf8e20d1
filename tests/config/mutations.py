"""Wrong values, and where in a configuration to put them."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from stillhouse.config.whole import GROUPS
from stillhouse.core.yaml import read_yaml
from tests.conftest import REPOSITORY

Path = tuple[str | int, ...]

WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    10**17,
    -0.5,
    0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    " \t",
    "\u200b",
    "some words",
    "{{",
    "\x1b[2J",
    [],
    [None],
    [""],
    ["{{ x"],
    {},
    {"nonsense": 1},
    [[1]],
)


def look_alike(text: str) -> str:
    """The same to the eye: a Cyrillic letter in place of a Latin one."""
    return text.translate(str.maketrans("aeopcx", "\u0430\u0435\u043e\u0440\u0441\u0445"))


def shipped() -> dict[str, dict[str, Any]]:
    """By file, the values of every entry that is shipped, and of params.yaml."""
    files = [f for group in GROUPS for f in sorted((REPOSITORY / "conf" / group).glob("*.yaml"))]
    files.append(REPOSITORY / "params.yaml")
    return {str(f.relative_to(REPOSITORY)): read_yaml(f) for f in files}


def places(values: Any, at: Path = ()) -> Iterator[Path]:
    """Every place in nested values that a mistake could be made at."""
    inside = values.items() if isinstance(values, dict) else ()
    inside = enumerate(values) if isinstance(values, list) else inside
    for key, value in inside:
        yield (*at, key)
        yield from places(value, (*at, key))


def at(values: Any, place: Path) -> Any:
    for key in place:
        values = values[key]
    return values


def changed(values: dict[str, Any], place: Path, value: Any) -> dict[str, Any]:
    """A copy with another value at one place."""
    copy = deepcopy(values)
    at(copy, place[:-1])[place[-1]] = deepcopy(value)
    return copy


def mistakes(values: dict[str, Any], place: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What can go wrong at one place: its name, and the values with it."""
    old = at(values, place)
    for value in WRONG:
        if value != old or type(value) is not type(old):
            yield repr(value), changed(values, place, value)
    if isinstance(old, str) and look_alike(old) != old:
        yield "a look-alike", changed(values, place, look_alike(old))
    if isinstance(old, str):
        yield "in capitals", changed(values, place, old.upper())
        yield "a list of it", changed(values, place, [old])
    if isinstance(old, int | float) and not isinstance(old, bool):
        yield "as text", changed(values, place, str(old))
        yield "negative", changed(values, place, -old - 1)
    if isinstance(old, dict):
        yield "an unknown key", changed(values, (*place, "nonsense"), 1)
    without = deepcopy(values)
    inner = at(without, place[:-1])
    del inner[place[-1]]
    yield "left out", without


def distinct_places() -> Iterator[tuple[str, Path]]:
    """One file for each place that some file has, items of lists taken together."""
    seen = set()
    for file, values in shipped().items():
        group = file.split("/")[1] if "/" in file else file
        for place in places(values):
            kind = (group, *("[]" if isinstance(key, int) else key for key in place))
            if kind not in seen:
                seen.add(kind)
                yield file, place
