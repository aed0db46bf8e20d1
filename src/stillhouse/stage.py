"""A stage as its script sees it: the configuration and the files that dvc.yaml declares for it.

A stage gets no other, so DVC sees all that a result depends on. A field of its `StageConfig` takes
a knob, or the entry that a knob names with the keys that dvc.yaml tracks for the stage; another key
of it is an error. A file that is not among the stage's `deps` or `outs` is refused.
"""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import pyarrow as pa

from stillhouse.code.record import check_unchanged
from stillhouse.config import pipeline
from stillhouse.config.base import Conf
from stillhouse.config.knobs import Knobs, Recipe
from stillhouse.config.whole import load_all
from stillhouse.core import files, paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import record
from stillhouse.core.progress import quiet_libraries
from stillhouse.core.tables import Row, Table
from stillhouse.core.text import printable
from stillhouse.core.yaml import read_yaml

E = TypeVar("E", bound=Conf)
UNTRACKED = "_untracked"
NONE = frozenset[str]()


class StageConfig(Conf):
    """What one stage reads of the configuration; a field `recipe` takes all that makes a student.

    A field such as `teacher_name` takes the name of the entry instead, and one such as
    `student_untracked` what of the entry DVC need not see. Without fields, as it is: of a stage
    that reads none.
    """

    @classmethod
    def load(cls, stage: str, root: Path = Path()) -> Self:
        """Check the whole configuration, then take this stage's part of it."""
        load_all(root)
        declared = pipeline.stage(stage, root)
        knobs = Knobs.model_validate(read_yaml(root / paths.PARAMS))
        values: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            model = field.annotation
            if name.endswith(UNTRACKED):
                assert isinstance(model, type) and issubclass(model, Conf)
                values[name] = _view(_entry(model, name.removesuffix(UNTRACKED), knobs, root), NONE)
                continue
            taken = Recipe.model_fields if model is Recipe else [name]
            for knob in taken:
                knob = knob.removesuffix("_name")  # noqa: PLW2901 (the knob that names an entry)
                key = Knobs.model_fields[knob].alias or knob
                _require(declared.tracks(key), stage, f"the knob `{key}`")
            if model is Recipe:
                values[name] = Recipe.model_construct(**{k: getattr(knobs, k) for k in taken})
            elif isinstance(model, type) and issubclass(model, Conf):
                _require(name in declared.entries, stage, f"the entry of conf/{name}")
                values[name] = _view(_entry(model, name, knobs, root), declared.entries[name])
            else:
                values[name] = getattr(knobs, name.removesuffix("_name"))
        # Checked already; validating again would run the entries' own checks on keys left out.
        return cls.model_construct(**values)


def _entry(model: type[E], group: str, knobs: Knobs, root: Path) -> E:
    path = root / paths.CONF / group / f"{getattr(knobs, group)}.yaml"
    return model.model_validate(read_yaml(path))


def _view(entry: E, tracked: frozenset[str] | None) -> E:
    """The entry with its tracked keys, and those that are seen without; any other is missing."""
    if tracked is pipeline.ALL:
        return entry
    seen = tracked | entry.UNTRACKED
    view = type(entry).model_construct(**{key: getattr(entry, key) for key in seen})
    for key in type(entry).model_fields.keys() - seen:
        view.__dict__.pop(key, None)  # a default that the stage did not declare
    return view


def _require(declared: bool, stage: str, what: str) -> None:
    if not declared:
        raise StillhouseError(
            f"dvc.yaml does not say that the stage `{stage}` depends on {what}, which its script "
            "reads. Add it below the stage there, so that DVC sees it change."
        )


C = TypeVar("C", bound=StageConfig)


@dataclass(frozen=True)
class Stage(Generic[C]):
    """A stage under way; `seed` is the one of a matrix that it was started with."""

    name: str
    config: C
    declared: pipeline.Declared
    argument: str | None = None

    @property
    def seed(self) -> int:
        """The seed that a matrix stage gets as its argument."""
        if self.argument is None or not self.argument.isdecimal():
            raise StillhouseError(
                "the stage needs a seed as its one argument, as in `python stages/evaluate.py 0`; "
                "`dvc repro` gives it."
            )
        return int(self.argument)

    def input(self, path: Path) -> Path:
        """A file or folder that the stage depends on."""
        _require(self._lists(self.declared.deps, path), self.name, path.as_posix())
        return path

    def output(self, path: Path) -> Path:
        """A file or folder that the stage makes."""
        if not self._lists(self.declared.outs, path):
            raise StillhouseError(
                f"dvc.yaml does not say that the stage `{self.name}` makes {path.as_posix()}. Add "
                "it below the stage there, so that DVC keeps it."
            )
        return path

    def table(self, table: Table) -> pa.Table:
        """Read a table."""
        self.input(table.path)
        return table.read()

    def rows(self, table: Table) -> list[Row]:
        """Read a table as dictionaries, in key order."""
        self.input(table.path)
        return table.read_rows()

    def json(self, path: Path) -> Any:
        """Read a JSON file."""
        return files.read_json(self.input(path))

    def text(self, path: Path) -> str:
        """Read a text file."""
        return self.input(path).read_text(encoding="utf-8")

    def write(self, table: Table, content: pa.Table | Iterable[Mapping[str, Any]]) -> None:
        """Write a table."""
        self.output(table.path)
        if isinstance(content, pa.Table):
            table.write(content)
        else:
            table.write_rows(content)

    def write_json(self, path: Path, value: Any) -> None:
        """Write a JSON file."""
        files.write_json(self.output(path), value)

    def write_text(self, path: Path, text: str) -> None:
        """Write a text file."""
        files.write_text(self.output(path), text)

    def _lists(self, listed: Iterable[str], path: Path) -> bool:
        seed = self.argument or ""
        named = (Path(each.replace("${item.seed}", seed)) for each in listed)
        return any(path.is_relative_to(each) for each in named)


def run_stage(name: str, main: Callable[[Stage[C]], None], config: type[C]) -> None:
    """Run a stage's `main` with what dvc.yaml declares for it."""
    with running(name):
        argument = sys.argv[1] if len(sys.argv) > 1 else None
        main(Stage(name, config.load(name), pipeline.stage(name), argument))


@contextmanager
def running(name: str) -> Iterator[None]:
    """What is around a stage's work: its seconds in the run log; a user's mistake as one message
    and status 1, an interrupt as 130.
    """
    started = time.perf_counter()
    quiet_libraries()
    stage = os.environ.get("DVC_STAGE", name)  # tells the seeds of a matrix apart
    try:
        check_unchanged(name)
        yield
        record("stage", stage=stage, seconds=round(time.perf_counter() - started, 2))
    except StillhouseError as error:
        sys.exit(printable(f"error in {name}: {error}"))
    except KeyboardInterrupt:
        print(f"{name} interrupted; run `dvc repro` again to go on.", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        where = f" at {error.filename}" if error.filename else ""
        said = f"error in {name}: {error.strerror}{where}. Nothing was half-written."
        sys.exit(printable(said))
