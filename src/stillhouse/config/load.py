"""What one stage reads of the configuration.

A stage declares it as a `StageConfig`: a field named after a knob takes that knob; a field listed
in `ENTRIES` takes the declared keys of `conf/<group>/<name>.yaml`, where the knob `<group>` gives
the name. Reading a key that is not declared raises AttributeError, and a test holds the
declarations to the `params` of dvc.yaml: so DVC sees all that a stage reads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from stillhouse.config.base import Conf
from stillhouse.config.knobs import Knobs, Recipe
from stillhouse.config.whole import load_all
from stillhouse.core import paths
from stillhouse.core.yaml import read_yaml

C = TypeVar("C", bound=Conf)


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
        load_all(root)
        knobs = Knobs.model_validate(read_yaml(root / paths.PARAMS))
        values = {name: cls._value(name, knobs, root) for name in cls.model_fields}
        # Checked already; validating again would run the entries' own checks on keys left out.
        return cls.model_construct(**values)

    @classmethod
    def _value(cls, name: str, knobs: Knobs, root: Path) -> Any:
        if name not in cls.ENTRIES:
            return _knob(knobs, name)
        path = root / paths.CONF / name / f"{getattr(knobs, name)}.yaml"
        model = cls.model_fields[name].annotation
        assert isinstance(model, type) and issubclass(model, Conf)
        return cls.ENTRIES[name].view(model.model_validate(read_yaml(path)))
