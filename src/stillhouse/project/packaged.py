"""What the package carries for projects: the pipeline, its scripts, and the entries of `conf/`.

A wheel has them below `files/`, a checkout where they stand. A project's own copies are compared
with what it was given: that is kept, word for word, below `.template/`.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import stillhouse
from stillhouse.code.pin import REQUIREMENTS
from stillhouse.config.whole import GROUPS
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.yaml import parse_yaml
from stillhouse.ingest.raw import EXEMPLARS
from stillhouse.project.editing import edited

GIVEN = Path(".template")
"""Where a project keeps its files as the package gave them."""
NOTES = (
    "Exemplars that people wrote: `human_exemplars` of a dataset's entry names a file of these.\n"
)

OFFLINE_PLOTS = Path(".dvc/plots/offline.html")
"""The page of `dvc plots`, which .dvc/config names: a megabyte, of which one copy is enough."""
_ADAPTED = (
    ("PYTHONPATH=src python ", "python "),
    ("deps: [src/stillhouse, stages]", f"deps: [{REQUIREMENTS}, stages]"),
)
"""dvc.yaml of a project that has the package installed, in place of its source."""
_UNASKED: Mapping[str, Any] = {"zero_shot": [], "gold_student": False, "complexity": False}
"""Baselines that only the package's own params.yaml asks for: a project begins without them, and
an upgrade that brings the knob does not turn it on."""
_OWN = Path(__file__).parent / "template"
_NAME = "DATASET"


@cache
def root() -> Path:
    """The folder that holds dvc.yaml, params.yaml, stages and conf."""
    wheel = Path(__file__).parent / "files"
    checkout = Path(stillhouse.__file__).parents[2]
    for found in (wheel, checkout):
        if (found / paths.PIPELINE).is_file():
            return found
    raise StillhouseError(
        f"This installation of stillhouse lacks the files that projects begin with ({wheel}). "
        "Install it again: `pip install --force-reinstall --no-deps stillhouse`."
    )


def pipeline_files(knobs: Mapping[str, Any]) -> dict[Path, str]:
    """The files of every project, by their place in it; `knobs` are set in its params.yaml.

    They name the dataset, at least.
    """
    pipeline = _text(root() / paths.PIPELINE)
    for source, project in _ADAPTED:
        if source not in pipeline:
            raise StillhouseError(f"{root() / paths.PIPELINE} does not say {source!r}.")
        pipeline = pipeline.replace(source, project)
    values = {**_UNASKED, **knobs}
    params = edited(_text(root() / paths.PARAMS), {(name,): values[name] for name in values})
    files = {
        paths.PIPELINE: pipeline,
        paths.PARAMS: params,
        REQUIREMENTS: f"stillhouse=={stillhouse.__version__}\n",
    }
    files |= {Path(name): _dotted(name) for name in (".gitignore", ".dvcignore")}
    for folder in ("stages", ".dvc/plots"):
        for path in sorted((root() / folder).glob("*")):
            if path.is_file() and path.relative_to(root()) != OFFLINE_PLOTS:
                files[path.relative_to(root())] = _text(path)
    for path in sorted(_OWN.glob("*")):
        files[Path(path.name)] = _text(path).replace(_NAME, str(knobs["dataset"]))
    return files


def first_files() -> dict[Path, str]:
    """The files that a project begins with and that are its own from then on."""
    return {
        Path(".dvc/config"): _text(root() / ".dvc/config"),
        OFFLINE_PLOTS: _text(root() / OFFLINE_PLOTS),
        Path(".dvc/.gitignore"): _dotted(".dvc/.gitignore"),
        EXEMPLARS / "README.md": NOTES,
    }


def knobs() -> dict[str, Any]:
    """The package's own params.yaml."""
    values: dict[str, Any] = parse_yaml(_text(root() / paths.PARAMS), str(paths.PARAMS))
    return values


def names(group: str) -> list[str]:
    """The entries of a group that the package carries."""
    if group not in GROUPS:
        raise StillhouseError(f"There is no group {group!r}.{did_you_mean(group, GROUPS)}")
    return sorted(path.stem for path in (root() / paths.CONF / group).glob("*.yaml"))


def entry_place(group: str, name: str) -> Path:
    """Where an entry stands in a project."""
    return paths.CONF / group / f"{name}.yaml"


def entry_files(group: str, name: str) -> dict[Path, str]:
    """An entry, and the exemplars that it names, by their places in a project."""
    if name not in names(group):
        raise StillhouseError(
            f"The package has no {group} {name!r}.{did_you_mean(name, names(group))}"
        )
    place = entry_place(group, name)
    files = {place: _text(root() / place)}
    exemplars = parse_yaml(files[place], str(place)).get("human_exemplars")
    if exemplars is not None and Path(exemplars).is_relative_to(EXEMPLARS):
        files[Path(exemplars)] = _text(root() / exemplars)
    return files


def now(place: Path) -> str | None:
    """What the package holds today for a file of conf/; None when it has it no more."""
    file = root() / place
    return _text(file) if file.is_file() else None


def as_given(files: Iterable[tuple[Path, str]]) -> dict[Path, str]:
    """The copies of files that a project keeps below `.template/`."""
    return {GIVEN / place: text for place, text in files}


def _dotted(name: str) -> str:
    """A file that a wheel carries without the dot of its name."""
    kept = root() / name.replace(".gitignore", "gitignore").replace(".dvcignore", "dvcignore")
    return _text(kept if kept.is_file() else root() / name)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
