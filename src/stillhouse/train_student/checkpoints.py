"""Checkpoints: a training that was killed goes on from the newest one.

They lie in `.stillhouse/checkpoints`, outside DVC's outputs, below a key of all that decides the
result, so a checkpoint never meets another training. Tensors are safetensors, the rest is JSON:
reading one runs no code. Random numbers need no place in them, since those of a step depend on
the seed and the step alone.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhouse.code.record import module_digest
from stillhouse.config.student import TrainedConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import atomic_directory, require_disk_space, sha256_file, write_json
from stillhouse.core.log import state_directory

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

TENSORS = "tensors.safetensors"
STATE = "state.json"
AFTERWARDS = {"description", "decoding"}
"""What of a student's entry is read only once it is trained."""
LIBRARIES = ("torch", "transformers", "accelerate", "peft")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `step` steps."""

    step: int
    tensors: Mapping[str, "Tensor"]
    values: Mapping[str, Any]
    """What is no tensor, as JSON values."""


def training_key(
    rows: Sequence[Mapping[str, Any]],
    validation: Sequence[Mapping[str, Any]],
    conf: TrainedConf,
    lambda_: float,
    seed: int,
) -> str:
    """32 hexadecimal digits of a hash over all that decides a training's result.

    What the training's code means and the libraries' versions count too: half a training by one
    loss and half by another is a student that no configuration describes.
    """
    content = {
        "rows": rows,
        "validation": validation,
        "conf": conf.model_dump(mode="json", exclude=AFTERWARDS | conf.UNTRACKED),
        # As they are: of a student that is asked with the prompt, more than an entry holds.
        "templates": None if isinstance(conf.templates, str) else conf.templates.model_dump(),
        "lambda": lambda_,
        "seed": seed,
        "libraries": {name: version(name) for name in LIBRARIES},
        "code": module_digest("stillhouse.train_student.training"),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


class Checkpoints:
    """The checkpoints of one training, of which the newest counts."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.folder = state_directory() / "checkpoints" / key

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole and this training's; any other is named and left."""
        for path in sorted(self.folder.glob("step-*"), reverse=True):
            try:
                return self._read(path)
            except _UnusableError as error:
                logger.warning(
                    "The checkpoint %s %s, so it is not used. It may be removed.", path, error
                )
        return None

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove older ones; without disk space training goes on."""
        from safetensors import SafetensorError

        path = self.folder / f"step-{checkpoint.step:09d}"
        size = sum(tensor.nbytes for tensor in checkpoint.tensors.values())
        try:
            require_disk_space(self.folder, size, "a checkpoint of the training")
            with atomic_directory(path) as temporary:
                self._fill(temporary, checkpoint)
        except (StillhouseError, OSError, SafetensorError) as error:
            logger.warning("Training goes on without a checkpoint of this step. %s", error)
            return
        for other in self.folder.iterdir():
            if other != path:
                shutil.rmtree(other, ignore_errors=True)

    def clear(self) -> None:
        """Remove them all, once the student is saved."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fill(self, folder: Path, checkpoint: Checkpoint) -> None:
        from safetensors.torch import save_file

        save_file(dict(checkpoint.tensors), folder / TENSORS)
        with (folder / TENSORS).open("rb+") as written:
            os.fsync(written.fileno())
        state = {
            "key": self.key,
            "step": checkpoint.step,
            "values": checkpoint.values,
            "sha256": sha256_file(folder / TENSORS),
        }
        write_json(folder / STATE, state)

    def _read(self, path: Path) -> Checkpoint:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            state = json.loads((path / STATE).read_text(encoding="utf-8"))
            if state["key"] != self.key:
                raise _UnusableError("is of another student or configuration")
            if state["sha256"] != sha256_file(path / TENSORS):
                raise _UnusableError("is damaged (its hash is not the recorded one)")
            return Checkpoint(state["step"], load_file(path / TENSORS), state["values"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise _UnusableError(f"is damaged ({error})") from error


class _UnusableError(Exception):
    pass
