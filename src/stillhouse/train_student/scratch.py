"""A student that is trained to be asked once: its weights are not kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from stillhouse.config.student import TrainedConf
from stillhouse.core.log import state_directory

if TYPE_CHECKING:
    from stillhouse.students.folder import Student


def trained(
    rows: Sequence[Mapping[str, Any]],
    conf: TrainedConf,
    seed: int,
    validation: Sequence[Mapping[str, Any]] = (),
) -> "Student":
    """The student of `conf` trained on the labels of `rows`."""
    from stillhouse.students.folder import load_student
    from stillhouse.train_student.training import train_student

    table = [{"rationale": None} | dict(row) for row in rows]
    scratch = state_directory() / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch) as folder:
        train_student(table, conf, 0.0, seed, Path(folder) / "student", validation=validation)
        return load_student(Path(folder) / "student")
