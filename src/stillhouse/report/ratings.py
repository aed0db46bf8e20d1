"""A judge's ratings among what a run measured: conversations are scored by these alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row
from stillhouse.kinds.measures import OF_TEACHER, RATED
from stillhouse.rate.rate import conversation_ratings
from stillhouse.rate.replies import TEACHER
from stillhouse.statistics.paired import Scores

Metrics = Mapping[str, Any]
ENDS = ("", "_low", "_high")


def with_ratings(
    stages: Mapping[str, Metrics], evaluations: Mapping[int, Metrics], rated: Mapping[str, Metrics]
) -> tuple[dict[str, Metrics], dict[int, Metrics]]:
    """The metrics of the stages and of each seed, with what metrics/ratings.json says of each
    model; without any they are as they were.
    """
    if not rated:
        return dict(stages), dict(evaluations)
    evaluated: dict[int, Metrics] = {
        seed: {**found, **rated[f"seed={seed}"]} for seed, found in evaluations.items()
    }
    untrained = {**stages["baseline"][paths.BASELINE], **rated[paths.BASELINE]}
    found = {**stages, "baseline": {**stages["baseline"], paths.BASELINE: untrained}}
    if of_teacher := rated.get(TEACHER):
        names = [f"{RATED.name}{end}" for end in ENDS]
        own = {f"{OF_TEACHER}{name}": of_teacher[name] for name in names}
        parse = stages["parse"]
        found["parse"] = {**parse, "test": {**parse.get("test", {}), **own}}
    return found, evaluated


def rated_scores(ratings: Sequence[Row], models: Sequence[str]) -> dict[str, Scores]:
    """The rating of each conversation that all of `models` have one of, by model; the teacher's of
    these where it has any.
    """
    given = conversation_ratings(ratings)
    found = rated_by_all(given, models)
    shared = next(iter(found.values())).keys()
    of_teacher = {id_: value for id_, value in given.get(TEACHER, {}).items() if id_ in shared}
    return found | ({TEACHER: of_teacher} if of_teacher else {})


def rated_by_all(given: Mapping[str, Scores], models: Sequence[str]) -> dict[str, Scores]:
    """The scores of the conversations that all of `models` have one of, by model."""
    shared = set.intersection(*(set(given.get(model, ())) for model in models))
    if not shared:
        raise StillhouseError(
            f"The judge rated no test conversation of all of {', '.join(models)}, so nothing can "
            "be compared. Take more test rows, or another `judge`."
        )
    return {model: {id_: given[model][id_] for id_ in sorted(shared)} for model in models}


def unrated(rated: Mapping[str, Metrics]) -> Iterator[str]:
    """A sentence on the replies that the judge gave no verdict on."""
    turns = {model: found["rated"] + found["unrated"] for model, found in rated.items()}
    missing = sum(found["unrated"] for found in rated.values())
    if missing:
        listed = ", ".join(
            f"{model} {found['unrated']:,}" for model, found in rated.items() if found["unrated"]
        )
        yield (
            f"The judge gave no verdict on {missing:,} of {sum(turns.values()):,} replies, which "
            f"are left out ({listed})"
        )
