"""The results of a revision, read through DVC without checking anything out."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from stillhouse.experiments.git import WORKSPACE, read_here, read_text, resolve
from stillhouse.experiments.lock import LOCK, is_of_another_run, parse_lock
from stillhouse.kinds.measures import ACCURACY, RATED, Measure, measure_of
from stillhouse.report.outcomes import COMPARED, Outcomes, digest_of, parse_outcomes
from stillhouse.report.ratings import rated_by_all, rated_scores
from stillhouse.statistics.paired import ByRow, Scores


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
    digest: str | None = None
    """Of the test rows, where Git alone was read (metrics/outcomes.json): ids are then the rows'
    places, and of a row nothing is known but its group."""

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
    such as `teacher:vanilla`. Nothing is checked out: metrics/outcomes.json has the scores of a
    commit, and where it does not, its tables are read from DVC's cache or, unless `fetch` is
    false, its remote. In a clone where nothing was built, HEAD stands for the workspace.
    """
    if revision == WORKSPACE:
        seeds = read_seeds()
        metric = _metric(revision, read_here)
        if any(table.path.exists() for table in _tables(seeds, metric)):
            return _read(revision, seeds, metric, Path(), models)
        announce("Nothing is built here, so HEAD stands for the workspace.")
        return read_revision("HEAD", models, fetch=fetch)
    commit = resolve(revision)
    seeds = seeds_of_commit(revision, commit)
    if (known := _in_git(revision, commit, seeds, models)) is not None:
        return known
    with TemporaryDirectory(prefix="stillhouse-") as folder:
        metric = _metric(revision, lambda path: read_text(commit, path))
        tables = [*_tables(seeds, metric), *(_table_of(model, metric) for model in models)]
        wanted = dict.fromkeys(table.path for table in tables)
        copy_files(revision, commit, wanted, Path(folder), fetch=fetch)
        return _read(revision, seeds, metric, Path(folder), models)


def _in_git(
    revision: str, commit: str, seeds: Collection[int], models: Collection[str]
) -> Revision | None:
    """A revision as its outcomes have it, where the commit has them and of this very run."""
    text = read_text(commit, paths.OUTCOMES)
    if text is None:
        return None
    lock = parse_lock(read_text(commit, LOCK), f"{LOCK} of {revision!r}")
    if is_of_another_run(text, lock):
        return None
    return of_outcomes(revision, parse_outcomes(text, revision), seeds, models)


def of_outcomes(
    name: str, outcomes: Outcomes, seeds: Collection[int], models: Collection[str] = ()
) -> Revision | None:
    """A revision as its outcomes have it; None where they lack one of its seeds or of `models`."""
    named = [*(f"seed={seed}" for seed in seeds), *models]
    if not outcomes.models.keys() >= set(named):
        return None
    ids = places(outcomes.rows)
    given = {
        model: {
            id_: score
            for id_, score in zip(ids, outcomes.models[model], strict=True)
            if score is not None
        }
        for model in named
    }
    scores = rated_by_all(given, named) if outcomes.measure is RATED else given
    groups = outcomes.groups or [None] * outcomes.rows
    return Revision(
        name,
        {seed: scores[f"seed={seed}"] for seed in seeds},
        {id_: {"group": group} for id_, group in zip(ids, groups, strict=True)},
        outcomes.measure,
        {model: scores[model] for model in models},
        outcomes.digest,
    )


def places(rows: int) -> list[str]:
    """What stands for the ids of so many rows: their places, of one width, so that they sort."""
    return [f"{place:0{len(str(rows))}}" for place in range(1, rows + 1)]


def paired(one: Revision, other: Revision) -> tuple[Revision, Revision]:
    """Both with the test rows alone that both have scores of, under the same ids: of conversations,
    a judge rates some and not others.
    """
    if one.digest is not None or other.digest is not None:
        one, other = _by_place(one), _by_place(other)
    require_same_rows(one, other)
    shared = [id_ for id_ in one.scored if id_ in other.scored]
    if not shared:
        raise StillhouseError(
            f"No test row has a score in both {one.name!r} and {other.name!r}, so there is nothing "
            "to compare."
        )
    first, second = (
        replace(
            each,
            seeds={
                seed: {id_: scores[id_] for id_ in shared} for seed, scores in each.seeds.items()
            },
        )
        for each in (one, other)
    )
    return first, second


def _by_place(revision: Revision) -> Revision:
    """The same with the rows' places as ids."""
    if revision.digest is not None:
        return revision
    place = dict(zip(sorted(revision.test), places(len(revision.test)), strict=True))

    def moved(scores: Scores) -> Scores:
        return {place[id_]: score for id_, score in scores.items()}

    return replace(
        revision,
        seeds={seed: moved(scores) for seed, scores in revision.seeds.items()},
        test={place[id_]: {"group": row["group"]} for id_, row in revision.test.items()},
        models={model: moved(scores) for model, scores in revision.models.items()},
        digest=digest_of(revision.test),
    )


def require_same_rows(one: Revision, other: Revision) -> None:
    """Fail unless both revisions were tested on the same rows with the same gold labels."""
    if one.measure != other.measure:
        raise StillhouseError(
            f"{one.name!r} is scored by {one.measure.title.lower()} and {other.name!r} by "
            f"{other.measure.title.lower()}, which cannot be compared; see `answer.metric` of "
            "their dataset."
        )
    differ = one.digest != other.digest or one.test.keys() != other.test.keys()
    if one.digest is not None and differ:
        raise StillhouseError(
            f"{one.name!r} ({len(one.test):,} test rows) and {other.name!r} "
            f"({len(other.test):,}) were tested on other rows, or rows with other queries, choices "
            f"or labels, as the digests in {paths.OUTCOMES} say. Only revisions with the same "
            "test rows can be compared; see `dataset` in their params.yaml."
        )
    if one.digest is not None:
        return
    if one.test.keys() != other.test.keys():
        lone = one.test.keys() ^ other.test.keys()
        example = min(lone)
        owner = one.name if example in one.test else other.name
        raise StillhouseError(
            f"{one.name!r} and {other.name!r} were tested on other rows: {len(lone)} ids are in "
            f"one alone, such as {example!r} of {owner!r}. Only revisions with the same test rows "
            "can be compared; see `dataset` in their params.yaml."
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
