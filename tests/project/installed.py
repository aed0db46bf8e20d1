"""The built wheel in an environment of its own: what a user has after `pip install stillhouse`."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

from tests.conftest import REPOSITORY

COPIED = ("src", "stages", "conf", "dvc.yaml", "params.yaml", ".gitignore", ".dvcignore",
          ".dvc/config", ".dvc/.gitignore", ".dvc/plots", "pyproject.toml", "README.md",
          "LICENSE")  # fmt: skip
OURS = "stillhouse"


def source_copy(folder: Path) -> Path:
    """What the wheel is built of, to edit."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in COPIED:
        source = REPOSITORY / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        elif source.exists():
            shutil.copy(source, folder / name)
    return folder


def build(source: Path, folder: Path) -> Path:
    """The wheel, built as pip builds it but with the build backend that is installed here."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(folder: Path) -> Path:
    """An environment with the lock's packages and without stillhouse; returns its bin folder.

    The packages are links to the ones that are installed here, by the lock: to install torch again
    takes minutes.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = Path(sysconfig.get_path("purelib"))
    place = folder / packages.relative_to(sys.prefix)
    for path in packages.iterdir():
        if OURS not in path.name and not (place / path.name).exists():
            (place / path.name).symlink_to(path, target_is_directory=path.is_dir())
    script = (Path(sys.executable).parent / "dvc").read_text(encoding="utf-8")
    write_script(folder / "bin/dvc", f"#!{folder}/bin/python\n" + script.partition("\n")[2])
    return folder / "bin"


def install(wheel: Path, bin_: Path) -> None:
    """Put the wheel in, in place of another version."""
    place = Path(subprocess.check_output(
        [bin_ / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip())  # fmt: skip
    for old in place.glob(f"{OURS}*"):
        shutil.rmtree(old)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place)
    start = "import sys\nfrom stillhouse.cli import main\nsys.exit(main())\n"
    write_script(bin_ / OURS, f"#!{bin_}/python\n{start}")


def write_script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


class User:
    """Someone at a shell, with an environment of their own first on the path."""

    def __init__(self, bin_: Path, home: Path, folder: Path, **environment: str) -> None:
        self.folder = folder
        left_out = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "DVC_ROOT"}
        kept = {name: value for name, value in os.environ.items() if name not in left_out}
        self.environment = kept | {
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "HOME": str(home),
            "DVC_SITE_CACHE_DIR": str(home / "site"),
            "STILLHOUSE_CACHE": str(home / "cache"),
            "STILLHOUSE_STORE": str(home / "store"),
            **environment,
        }

    def run(
        self, *command: str, fails: bool = False, said: str = "", folder: Path | None = None
    ) -> str:
        """Run a command; what it prints, standard error included. Its success is checked."""
        done = subprocess.run(
            command, cwd=folder or self.folder, env=self.environment, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input=said,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout
