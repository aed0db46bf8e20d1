"""Training in several processes: the stage starts itself again under the entry's launcher.

The launcher (`accelerate launch ...`, `torchrun ...`) sets RANK and WORLD_SIZE for each process.
Every process holds the whole model and takes its share of each batch; process 0 alone reports and
writes.
"""

import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from stillhouse.core.errors import StillhouseError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor

FAILURE = "STILLHOUSE_FAILURE"
"""Names the file in which a process says why it failed; set in the launcher's processes alone."""
STOPPING_SECONDS = 60
WAIT = timedelta(minutes=30)
"""How long processes wait for each other: one may have a checkpoint to write."""


def processes() -> int:
    """How many processes train together; 1 unless the launcher started this one."""
    return int(os.environ.get("WORLD_SIZE", "1")) if FAILURE in os.environ else 1


def process() -> int:
    """The number of this process, from 0."""
    return int(os.environ.get("RANK", "0")) if FAILURE in os.environ else 0


def is_main() -> bool:
    """Whether this process reports and writes."""
    return process() == 0


def share(batch: Sequence[int], number: int, of: int) -> list[int]:
    """The rows of a batch that process `number` takes; rows of similar length are dealt out evenly.

    A process that a small batch leaves without one gets a row of another (see `is_idle`), because
    each must take part in the exchange of gradients.
    """
    return list(batch[number::of]) or list(batch[:1])


def is_idle(batch: Sequence[int], number: int) -> bool:
    """Whether process `number` has no row of its own in the batch: its row must weigh nothing."""
    return number >= len(batch)


def join_processes(cpu: bool) -> "Accelerator":
    """Join this training's other processes, with one device, however many are visible."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import InitProcessGroupKwargs, parse_flag_from_env

    if any(map(parse_flag_from_env, ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"))):
        raise StillhouseError(
            "The student's `compute.launcher` asks for FSDP or DeepSpeed, but each process here "
            "holds the whole model. Start plain processes (`accelerate launch --multi_gpu`), and "
            "use `training.method: qlora` for a model that is too large for one device."
        )
    # An earlier training in this process may have had another device.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(
        cpu=cpu,
        mixed_precision="no",  # whatever the launcher says: the loop casts by itself
        kwargs_handlers=[InitProcessGroupKwargs(timeout=WAIT)],
    )
    if accelerator.num_processes != processes():
        raise StillhouseError(
            f"{accelerator.num_processes} processes train here, but the student's conf started "
            f"{processes()}. Put what starts them into `compute.launcher`."
        )
    return accelerator


def require_agreement(accelerator: "Accelerator", step: int) -> None:
    """Fail when the processes would go on from different steps."""
    import torch

    steps = accelerator.gather(torch.tensor([step], device=accelerator.device))
    if len(set(steps.tolist())) > 1:
        raise StillhouseError(
            "The processes of this training found different checkpoints, so they cannot go on "
            "together. All of them must see the same `.stillhouse/checkpoints`."
        )


def summed(accelerator: "Accelerator", values: "Tensor") -> "Tensor":
    """The sum of a small tensor over all processes."""
    if processes() == 1:
        return values
    total: Tensor = accelerator.reduce(values.to(accelerator.device), "sum")
    return total


def launches(launcher: str | None) -> bool:
    """Run the present command under `launcher`; False where there is none to run, or it is done.

    The command's arguments are those of this process. A failure in any process ends them all and
    is raised here with its message.
    """
    if launcher is None or FAILURE in os.environ:
        return False
    command = [*_words(launcher), *sys.argv]
    with tempfile.TemporaryDirectory(prefix="stillhouse-") as folder:
        failure = Path(folder) / "failure"
        code = _run(command, os.environ | {FAILURE: str(failure)})
        if code:
            raise StillhouseError(_reason(failure, launcher, code))
    return True


@contextmanager
def one_of_several() -> Iterator[None]:
    """What a launched process owes the others: no second telling, and why it failed."""
    if not is_main():
        logging.disable(logging.WARNING)
    try:
        yield
    except StillhouseError as error:
        if path := os.environ.get(FAILURE):
            temporary = Path(f"{path}.{process()}")
            temporary.write_text(str(error), encoding="utf-8")
            temporary.replace(path)
        raise


def _words(launcher: str) -> list[str]:
    try:
        program, *arguments = shlex.split(launcher)
    except ValueError as error:
        raise StillhouseError(
            f"The student's `compute.launcher` is {launcher!r}, which is no command: {error}."
        ) from error
    # The environment's own programs come first, also where it is not activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    found = shutil.which(program, path=path)
    if found is None:
        raise StillhouseError(
            f"The student's `compute.launcher` starts with {program!r}, which is no program here. "
            "Name one, such as `accelerate launch --multi_gpu --num_processes 2`, or null."
        )
    return [found, *arguments]


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    def stop(*_: int | FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, stop)
    launched = subprocess.Popen(command, env=environment)  # noqa: S603 - the user's own command
    try:
        return launched.wait()
    except BaseException:
        # Killed outright, a launcher would leave its processes behind.
        launched.terminate()
        launched.wait(STOPPING_SECONDS)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)


def _reason(failure: Path, launcher: str, code: int) -> str:
    if failure.exists():
        return failure.read_text(encoding="utf-8")
    return (
        f"Training in several processes failed: `{launcher}` ended with status {code}. What the "
        "process that failed first said stands above."
    )
