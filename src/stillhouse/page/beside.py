"""Another revision's run, read through DVC without checking anything out."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stillhouse.config.whole import GROUPS
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.json_text import read_json_object
from stillhouse.core.tables import (
    COMPLETIONS,
    EXAMPLES,
    EXEMPLARS,
    FEEDBACK_PREDICTIONS,
    PARSED,
    PROMPTS,
    RATINGS,
    REFERENCES,
    TRAINING,
    VERDICTS,
    ZERO_SHOT,
    predictions,
)
from stillhouse.core.yaml import parse_yaml
from stillhouse.experiments.compare import compare_revisions, of_method, of_students
from stillhouse.experiments.git import WORKSPACE, read_text, resolve
from stillhouse.experiments.revisions import copy_files, seeds_of_commit
from stillhouse.page.document import Other
from stillhouse.page.run import Run
from stillhouse.report.joined import Tables, by_model
from stillhouse.report.rows import read_if_any, read_tables
from stillhouse.report.summary import models

LACKED = (
    EXEMPLARS, PROMPTS, COMPLETIONS, PARSED, FEEDBACK_PREDICTIONS, VERDICTS, TRAINING, RATINGS,
    REFERENCES, ZERO_SHOT, predictions(paths.GOLD),
)  # fmt: skip
"""Tables that the other revision may lack: not fetched, or of stages that it did not have yet."""


def tables_with_references(seeds: Iterable[int], root: Path = Path()) -> Tables:
    """The tables of the project at `root`, with the predictions of the references, too."""
    tables = read_tables(models(seeds), root)
    gold = read_if_any(predictions(paths.GOLD), root)
    rows = [*read_if_any(REFERENCES, root), *read_if_any(ZERO_SHOT, root)]
    rows += [{"model": paths.GOLD, **row} for row in gold]
    return replace(tables, predictions={**(tables.predictions or {}), **by_model(rows)})


def read_other(revision: str, run: Run) -> Other:
    """The run of a revision, compared with `run`, that of the workspace.

    Raises StillhouseError where its test rows are others, or what it predicted is not at hand.
    """
    if revision == WORKSPACE:
        raise StillhouseError("--base is another revision: the page is of the workspace already.")
    commit = resolve(revision)
    compared = compare_revisions(revision, WORKSPACE)
    said = [*of_students(compared.found, compared.measure)]
    said += of_method(compared.found, compared.measure)
    knobs = _mapping(revision, commit, paths.PARAMS)
    report = read_text(commit, paths.REPORT)
    if report is None:
        raise StillhouseError(
            f"{revision!r} has no {paths.REPORT}: commit what `dvc repro` writes to metrics/."
        )
    seeds = seeds_of_commit(revision, commit)
    with TemporaryDirectory(prefix="stillhouse-") as name:
        folder = Path(name)
        (folder / "report.json").write_text(report, encoding="utf-8")
        found = read_json_object(folder / "report.json")
        scored = [EXAMPLES.path, *(predictions(model).path for model in models(seeds))]
        copy_files(revision, commit, scored, folder)
        missing = _copied(revision, commit, folder)
        tables = tables_with_references(seeds, folder)
    same = [group for group in GROUPS if knobs.get(group) == run.knobs[group]]
    files = [paths.CONF / group / f"{run.knobs[group]}.yaml" for group in same]
    return Other(
        name=revision,
        run=replace(run, found=found, tables=tables, knobs=knobs),
        compared=said,
        entries={str(file): _mapping(revision, commit, file) for file in files},
        own_entries={str(file): _content(file.read_text("utf-8"), str(file)) for file in files},
        missing=missing,
    )


def _copied(revision: str, commit: str, folder: Path) -> list[str]:
    """Copy the tables that may be lacking; the names of those that are."""
    wanted = [table.path for table in LACKED]
    try:
        copy_files(revision, commit, wanted, folder)
    except StillhouseError:
        missing = []
        for path in wanted:
            try:
                copy_files(revision, commit, [path], folder)
            except StillhouseError:
                missing.append(path.as_posix())
        return missing
    return []


def _mapping(revision: str, commit: str, path: Path) -> dict[str, Any]:
    text = read_text(commit, path)
    return {} if text is None else _content(text, f"{path} of {revision!r}")


def _content(text: str, where: str) -> dict[str, Any]:
    values = parse_yaml(text, where)
    return dict(values) if isinstance(values, Mapping) else {}
