"""The results of a revision, read through DVC without checking anything out."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stillhouse.config.dataset import RATING, Metric
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.progress import announce
from stillhouse.core.tables import EXAMPLES, RATINGS, ZERO_SHOT, Table, predictions
from stillhouse.core.yaml import parse_yaml
from stillhouse.evaluate.scoring import split_rows
from stillhouse.experiments.git import WORKSPACE, read_text, resolve
from stillhouse.kinds.measures import ACCURACY, Measure, measure_of
from stillhouse.report.ratings import rated_scores
from stillhouse.statistics.paired import ByRow, Scores, Seeds

COMPARED = ("query", "label", "choices")


@dataclass(frozen=True)
class Revision:
    """A revision's results: by seed the score of each test row, and the test rows themselves."""

    name: str
    seeds: Mapping[int, Scores]
    test: Mapping[str, Mapping[str, Any]]
    measure: Measure = ACCURACY
    """What the scores are."""
    models: Mapping[str, Scores] = field(default_factory=dict)
    """Those of other models that were asked for, by their names in the report."""

    @property
    def scored(self) -> Mapping[str, float]:
        """The test rows that have a score of each seed, which is all of them unless a judge says
        what they are worth.
        """
        return next(iter(self.seeds.values()))

    @property
    def groups(self) -> ByRow:
        """The group of each test row."""
        return {id_: row["group"] for id_, row in self.test.items()}


def read_revision(revision: str, models: Collection[str] = (), *, fetch: bool = True) -> Revision:
    """Read the predictions of a revision: a commit, a branch, an experiment, or `workspace`.

    `models` are others whose scores are wanted: `untrained`, `gold`, or one of the knob `zero_shot`
    such as `teacher:vanilla`. Nothing is checked out; what is not in DVC's cache is read from its
    remote, unless `fetch` is false. In a clone where nothing was built, HEAD stands for the
    workspace.
    """
    if revision == WORKSPACE:
        seeds = read_seeds()
        metric = _metric(revision, _text)
        if any(table.path.exists() for table in _tables(seeds, metric)):
            return _read(revision, seeds, metric, Path(), models)
        announce("Nothing is built here, so HEAD stands for the workspace.")
        return read_revision("HEAD", models, fetch=fetch)
    commit = resolve(revision)
    seeds = seeds_of_commit(revision, commit)
    with TemporaryDirectory(prefix="stillhouse-") as folder:
        metric = _metric(revision, lambda path: read_text(commit, path))
        tables = [*_tables(seeds, metric), *(_table_of(model, metric) for model in models)]
        wanted = dict.fromkeys(table.path for table in tables)
        copy_files(revision, commit, wanted, Path(folder), fetch=fetch)
        return _read(revision, seeds, metric, Path(folder), models)


def scored_in_both(one: Revision, other: Revision) -> tuple[Seeds, Seeds]:
    """The scores of the test rows that both have scores of: of conversations, a judge rates some
    and not others.
    """
    require_same_rows(one, other)
    shared = [id_ for id_ in one.scored if id_ in other.scored]
    if not shared:
        raise StillhouseError(
            f"No test row has a score in both {one.name!r} and {other.name!r}, so there is nothing "
            "to compare."
        )
    first, second = (
        {seed: {id_: scores[id_] for id_ in shared} for seed, scores in each.seeds.items()}
        for each in (one, other)
    )
    return first, second


def require_same_rows(one: Revision, other: Revision) -> None:
    """Fail unless both revisions were tested on the same rows with the same gold labels."""
    if one.test.keys() != other.test.keys():
        lone = one.test.keys() ^ other.test.keys()
        example = min(lone)
        owner = one.name if example in one.test else other.name
        raise StillhouseError(
            f"{one.name!r} and {other.name!r} were tested on other rows: {len(lone)} ids are in "
            f"one alone, such as {example!r} of {owner!r}. Only revisions with the same test rows "
            "can be compared; see `dataset` in their params.yaml."
        )
    if one.measure != other.measure:
        raise StillhouseError(
            f"{one.name!r} is scored by {one.measure.title.lower()} and {other.name!r} by "
            f"{other.measure.title.lower()}, which cannot be compared; see `answer.metric` of "
            "their dataset."
        )
    for id_, row in one.test.items():
        for key in COMPARED:
            if row[key] != other.test[id_][key]:
                raise StillhouseError(
                    f"{one.name!r} and {other.name!r} have another {key} for the test row {id_!r}: "
                    f"{row[key]!r} and {other.test[id_][key]!r}. Their scores are not of the "
                    "same task."
                )


def read_seeds() -> list[int]:
    """The seeds of the workspace."""
    return _seeds(WORKSPACE, paths.PARAMS.read_text(encoding="utf-8"))


def seeds_of_commit(revision: str, commit: str) -> list[int]:
    """The seeds of a revision, whose commit it is."""
    params = read_text(commit, paths.PARAMS)
    if params is None:
        raise StillhouseError(f"The revision {revision!r} has no {paths.PARAMS}.")
    return _seeds(revision, params)


def _seeds(revision: str, params: str) -> list[int]:
    values = parse_yaml(params, f"{paths.PARAMS} of {revision!r}")
    seeds = values.get("seeds") if isinstance(values, dict) else None
    if not isinstance(seeds, list) or not seeds:
        raise StillhouseError(f"{paths.PARAMS} of {revision!r} lists no `seeds`.")
    return seeds


def copy_files(
    revision: str, commit: str, wanted: Iterable[Path], folder: Path, *, fetch: bool = True
) -> None:
    """Copy files of a revision, whose commit it is, into a folder: Git's, and outputs of DVC.

    Those that are not in DVC's cache come from its remote, unless `fetch` is false.
    """
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    try:
        files = DVCFileSystem(rev=commit)
        for path in wanted:
            # An output of dvc.yaml that dvc.lock does not know has a place and no content.
            known = files.info(path.as_posix()) if files.exists(path.as_posix()) else {}
            if "md5" not in known and "fs_info" not in known:
                raise StillhouseError(
                    f"{revision!r} has no {path}: its pipeline was not run to the end. Run `dvc "
                    "repro` there and commit dvc.lock, or `dvc exp run`."
                )
            if not fetch and "md5" in known and not files.repo.cache.local.exists(known["md5"]):
                raise FileNotFoundError(f"{path} is not in DVC's cache")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            files.get_file(path.as_posix(), str(folder / path))
    except (DvcException, OSError) as error:
        raise StillhouseError(
            f"The predictions of {revision!r} are not here ({error}). Fetch them: `dvc fetch "
            "--all-commits evaluate ingest` for what is committed, `dvc exp pull origin NAME` for "
            "an experiment."
        ) from error


def _tables(seeds: list[int], metric: Metric) -> list[Table]:
    scored = [RATINGS] if metric == RATING else [predictions(f"seed={seed}") for seed in seeds]
    return [EXAMPLES, *scored]


def _table_of(model: str, metric: Metric) -> Table:
    if metric == RATING:
        return RATINGS
    return ZERO_SHOT if ":" in model else predictions(model)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _metric(revision: str, read: Callable[[Path], str | None]) -> Metric:
    """The metric of a revision's dataset, given how its files are read."""
    named = _mapping(read, paths.PARAMS, revision).get("dataset")
    entry = paths.CONF / "dataset" / f"{named}.yaml"
    answer = _mapping(read, entry, revision).get("answer")
    if not isinstance(answer, dict) or "metric" not in answer:
        raise StillhouseError(f"{entry} of {revision!r} has no `answer.metric`.")
    return str(answer["metric"])


def _mapping(read: Callable[[Path], str | None], path: Path, revision: str) -> Mapping[str, Any]:
    text = read(path)
    values = None if text is None else parse_yaml(text, f"{path} of {revision!r}")
    if not isinstance(values, dict):
        what = "is no mapping" if text is not None else "is not there"
        raise StillhouseError(f"{path} of {revision!r} {what}, so what it is scored by is unknown.")
    return values


def _read(
    revision: str, seeds: list[int], metric: Metric, folder: Path, models: Collection[str]
) -> Revision:
    examples, *predicted = (table.of(folder) for table in _tables(seeds, metric))
    test = by_id(split_rows(examples.read_rows(), "test", metric), "examples")
    if metric == RATING:
        names = [*(f"seed={seed}" for seed in seeds), *models]
        rated = rated_scores(predicted[0].read_rows(), names)
        by_seed = {seed: rated[f"seed={seed}"] for seed in seeds}
        others = {model: rated[model] for model in models}
        return Revision(revision, by_seed, test, measure_of(metric), others)
    scores = {}
    for seed, table in zip(seeds, predicted, strict=True):
        name = f"predictions seed={seed} of {revision}"
        rows = by_id(table.read_rows(), name)
        require_ids(test, rows, f"examples of {revision}", name)
        require_ids(rows, test, name, f"examples of {revision}")
        scores[seed] = {id_: row["score"] for id_, row in rows.items()}
    others = {
        model: _scores_of(model, _table_of(model, metric).of(folder), revision, test)
        for model in models
    }
    return Revision(revision, scores, test, measure_of(metric), others)


def _scores_of(model: str, table: Table, revision: str, test: Mapping[str, Any]) -> Scores:
    rows = table.read_rows()
    scores = {row["id"]: row["score"] for row in rows if row.get("model", model) == model}
    if scores.keys() != test.keys():
        how = f"`zero_shot: [{model}]`" if ":" in model else "`gold_student: true`"
        raise StillhouseError(
            f"{revision!r} has no predictions of {model!r} for its test rows; {how} makes them."
        )
    return scores
