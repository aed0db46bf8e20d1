"""Which conditions of a study have run: found by name among DVC's experiments, and checked."""

from collections.abc import Iterable
from dataclasses import dataclass

from stillhouse.core.log import read_events
from stillhouse.experiments.git import Experiment, experiments, head
from stillhouse.studies.config import Condition
from stillhouse.studies.identity import Pipeline, read_pipeline

EVENT = "study"


@dataclass(frozen=True)
class Found:
    """A condition, and the experiment that holds its result, if there is one."""

    condition: Condition
    experiment: Experiment | None = None
    changed: tuple[str, ...] = ()
    """Files on which the pipeline depends that differ from the experiment's."""
    failure: str = ""
    """Why its last run failed, where there is no result."""

    @property
    def finished(self) -> bool:
        """Whether running the condition now would give nothing new."""
        return self.experiment is not None and not self.changed

    @property
    def state(self) -> str:
        """finished, stale, failed or missing."""
        if self.experiment:
            return "stale" if self.changed else "finished"
        return "failed" if self.failure else "missing"


def find(conditions: Iterable[Condition]) -> list[Found]:
    """The state of each condition, as seen from the commit that is checked out."""
    pipeline = read_pipeline(head())
    newest = sorted(experiments(), key=lambda experiment: experiment.time, reverse=True)
    failures = {event["condition"]: event["failure"] for event in read_events(EVENT)}
    found = []
    for condition in conditions:
        named = [experiment for experiment in newest if experiment.name == condition.name]
        result = _result(condition, named, pipeline)
        found.append(result or Found(condition, failure=failures.get(condition.name, "")))
    return found


def _result(condition: Condition, named: list[Experiment], pipeline: Pipeline) -> Found | None:
    """The newest experiment with the condition's settings, one of the same code before others."""
    settings = pipeline.settings(pipeline.commit, condition.overrides)
    now = {**pipeline.files, **pipeline.code}
    stale = None
    for experiment in named:
        # With other settings it is the result of something else that had the same name.
        if settings != pipeline.settings(experiment.commit, {}):
            continue
        run = read_pipeline(experiment.commit)
        then = {**run.files, **run.code}
        changed = tuple(sorted(k for k in now.keys() | then if now.get(k) != then.get(k)))
        if not changed:
            return Found(condition, experiment)
        stale = stale or Found(condition, experiment, changed)
    return stale
