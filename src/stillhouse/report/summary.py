"""Every figure of a run: all of them for the report, the few that people compare for DVC."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from types import MappingProxyType
from typing import Any

from stillhouse.config.dataset import Answer
from stillhouse.config.teacher import Price
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id
from stillhouse.core.tables import Row
from stillhouse.evaluate.majority import majority_predictions
from stillhouse.evaluate.scoring import labelled_rows
from stillhouse.kinds.measures import (
    ACCURACY,
    AGREEING,
    NAMED,
    OF_TEACHER,
    RATED,
    Measure,
    measure_of,
)
from stillhouse.kinds.registry import kind_of
from stillhouse.report.against import TEACHER, against, is_compared
from stillhouse.report.curve import curve_facts
from stillhouse.report.labels import FEW, by_label, confusion
from stillhouse.report.ratings import rated_scores, with_ratings
from stillhouse.statistics.agreement import AGREEMENT
from stillhouse.statistics.intervals import Scale
from stillhouse.statistics.paired import ByRow, Scores, Seeds, Side, aligned, measure
from stillhouse.statistics.planning import detectable_method, detectable_student

Metrics = Mapping[str, Any]

DIGITS = 6
PER_MILLION = 1_000_000
UNREAD = ("no_marker", "ambiguous", "empty", "malformed", "refused", "truncated")
"""Statuses of completions of which no label was read."""
SHARE = ("", "_low", "_high")
TOKENS = ("prompt", "completion")
STUDENTS_OWN = ("macro_f1", "mean_answer_tokens", "rows", "seeds", "standard_error")


def models(seeds: Iterable[int]) -> list[str]:
    """The names under which predictions are kept: the untrained student and each seed's."""
    return [paths.BASELINE, *(f"seed={seed}" for seed in seeds)]


def everything(
    stages: Mapping[str, Metrics],
    evaluations: Mapping[int, Metrics],
    examples: Sequence[Row],
    predictions: Mapping[str, Sequence[Row]],
    *,
    references: Iterable[Row] = (),
    zero_shot: Iterable[Row] = (),
    curves: Mapping[int, str],
    confusions: Iterable[str] = (),
    parsed: Sequence[Row],
    answer: Answer,
    price: Price,
    run: Metrics,
    ratings: Sequence[Row] = (),
    rated: Mapping[str, Metrics] = MappingProxyType({}),
) -> dict[str, Any]:
    """All that a run measured, nested; shares lie between 0 and 1, other scores on their scale.

    `stages`: the metrics of ingest, retrieve, teacher, parse, judge, chosen, augment, baseline and,
    where there are any, references. `evaluations`: the metrics of each seed's student.
    `predictions`: the rows of each of `models`; `references`: those of all references, each with
    its `model`; `zero_shot`: those of models asked as they are, likewise. All must be over exactly
    the test rows. `curves` and `confusions`: each seed's, as CSV. `parsed`: the teacher's
    completions. `run`: what was run, kept as it is. `ratings` and `rated`: of conversations the
    judge's, and the figures of each model. `measure` names what the scores are (`kinds.measures`):
    accuracy, or agreement with the teacher where no test row has a gold label, or what the metric's
    graded scores measure.
    """
    stages, evaluations = with_ratings(stages, evaluations, rated)
    scored = scores_by_model(predictions, [*references, *zero_shot])
    if paths.BASELINE not in stages["baseline"]:
        del scored[paths.BASELINE]  # of a student that is served nobody has it as it was before
    measured = scored_by(next(iter(evaluations.values())), answer)
    test = [row for row in examples if row["split"] == "test"]
    judged = rated_scores(ratings, list(scored)) if measured is RATED else {}
    of_teacher = judged.pop(TEACHER, None)
    scored |= judged
    if measured in (AGREEING, RATED):  # where the teacher gave a label, or the judge a rating
        test = [row for row in test if any(row["id"] in rows for rows in scored.values())]
    trained = labelled_rows(examples, "train")
    groups = {row["id"]: row["group"] for row in test}
    require_same_rows(groups, scored)
    students = {seed: scored[f"seed={seed}"] for seed in evaluations}
    others = {name: scores for name, scores in scored.items() if is_compared(name)}
    asked = teacher(stages["parse"], stages["teacher"], price, {row["split"] for row in examples})
    if measured is ACCURACY and trained:
        others["majority"] = majority_scores(trained, test, answer)
    if of_teacher is not None:
        others[TEACHER] = of_teacher
    elif measured in (AGREEING, RATED):
        pass  # nobody but the teacher itself, or the judge, says what the teacher is worth
    elif measured.of_teacher in asked["splits"].get("test", {}):
        others[TEACHER] = teacher_scores(test, parsed, answer)
    scale = measured.scale
    own = student(list(evaluations.values()), measure(students, groups, scale), measured.name)
    found: dict[str, Any] = {
        "measure": measured.name,
        "student": own | {"rows": len(groups)},
        "against": {
            name: against(other, students, groups, scale) for name, other in others.items()
        },
        "references": {
            name: flat(metrics)
            for of in ("baseline", "references", "gold_student", "zero_shot")
            for name, metrics in stages.get(of, {}).items()
        },
        "detectable": detectable(students, groups, scale),
        "labels": by_label(evaluations, students, test, groups),
        "training": {str(seed): curve_facts(curve) for seed, curve in curves.items()},
        "teacher": asked,
        "data": {name: stages["ingest"].get(name, {}) for name in ("rows", "unlimited", "overlap")},
        "retrieval": stages["retrieve"],
        "tokens": tokens_of_answers(stages, evaluations),
        "complexity": stages.get("complexity", {}),
        "judge": stages["judge"],
        "chosen": stages["chosen"],
        "augment": stages["augment"],
        "run": run,
    }
    if scored_with := next(iter(evaluations.values())).get("scored_with"):
        found["scored_with"] = scored_with
    if confused := confusion(confusions):
        found["confusion"] = confused  # DVC, which looks for plots in it, fails at an empty list
    if rated:
        found["ratings"] = rated
    if len(evaluations) > 1:
        found["seeds"] = {str(seed): flat(values) for seed, values in evaluations.items()}
    rounded_off: dict[str, Any] = rounded(found)
    return rounded_off


def scores_by_model(
    predictions: Mapping[str, Sequence[Row]], others: Iterable[Row]
) -> dict[str, Scores]:
    """The score of each row of each model's predictions; `others` each have their `model`."""
    tables: dict[str, list[Row]] = {name: list(rows) for name, rows in predictions.items()}
    for row in others:
        tables.setdefault(row["model"], []).append(row)
    return {
        name: {id_: row["score"] for id_, row in by_id(rows, f"predictions {name}").items()}
        for name, rows in tables.items()
    }


def tokens_of_answers(
    stages: Mapping[str, Metrics], evaluations: Mapping[int, Metrics]
) -> dict[str, dict[str, float]]:
    """The mean tokens of a prompt and of an answer, by model, where they were counted.

    `teacher` is the one that labelled, by request; the student's are the mean over its seeds.
    """
    found = {TEACHER: _by_request(stages["teacher"])}
    found |= {name: _by_request(used) for name, used in stages.get("zero_shot", {}).items()}
    found["untrained"] = _by_row([stages["baseline"].get("untrained", {})])
    found["student"] = _by_row(list(evaluations.values()))
    return {name: tokens for name, tokens in found.items() if tokens}


def _by_request(used: Metrics) -> dict[str, float]:
    if not used.get("requests") or "completion_tokens" not in used:
        return {}
    return {name: used.get(f"{name}_tokens", 0) / used["requests"] for name in TOKENS}


def _by_row(scored: Sequence[Metrics]) -> dict[str, float]:
    if not all("mean_prompt_tokens" in metrics for metrics in scored):
        return {}
    names = {"prompt": "mean_prompt_tokens", "completion": "mean_answer_tokens"}
    return {name: fmean(metrics[of] for metrics in scored) for name, of in names.items()}


def flat(metrics: Metrics) -> dict[str, Any]:
    """A model's figures without those of each label, which its own metrics file has."""
    return {name: value for name, value in metrics.items() if not isinstance(value, Mapping)}


def scored_by(scores: Metrics, answer: Answer) -> Measure:
    """What a model's scores are: those of the metric or, without gold labels, agreement."""
    return AGREEING if AGREEMENT in scores else measure_of(answer.metric)


def majority_scores(
    train: Sequence[Mapping[str, Any]], test: Sequence[Row], answer: Answer
) -> dict[str, float]:
    """The majority class's score on each test row."""
    predicted = majority_predictions(train, test)
    return {row["id"]: _score(answer, row, predicted[row["id"]]) for row in test}


def teacher_scores(
    test: Iterable[Mapping[str, Any]], parsed: Iterable[Row], answer: Answer
) -> dict[str, float]:
    """The teacher's score on each test row that it was asked, the mean over a row's samples."""
    rows = {row["id"]: row for row in test}
    scores: dict[str, list[float]] = {}
    lowest = measure_of(answer.metric).scale.low
    for row in parsed:
        if row["id"] in rows:
            label, example = row["label"], rows[row["id"]]
            score = lowest if label is None else _score(answer, example, label)
            scores.setdefault(row["id"], []).append(score)
    return {id_: fmean(of_row) for id_, of_row in scores.items()}


def _score(answer: Answer, row: Mapping[str, Any], label: str) -> float:
    return kind_of(answer.metric, row["choices"]).score_row(label, row)


def detectable(students: Seeds, groups: ByRow, scale: Scale) -> dict[str, float]:
    """The smallest differences that would be seen on these rows with 80% power.

    `student`: between two students. `method`: between two methods of as many seeds as here.
    """
    scores, by_row = aligned(students, groups)
    found = {"student": detectable_student(scores, by_row, scale)}
    of_method = detectable_method(scores, by_row)
    return found if of_method is None else found | {"method": of_method}


def student(evaluations: Sequence[Metrics], measured: Side, name: str) -> dict[str, float]:
    """The student over its seeds: means, the interval, the standard error where there are several.

    The interval of what `name` says is over rows, and with three seeds or more over seeds, too.
    """
    names = set.intersection(*(set(metrics) for metrics in evaluations))
    means = {
        each: fmean(metrics[each] for metrics in evaluations)
        for each in names
        if not each.endswith(("_low", "_high")) and isinstance(evaluations[0][each], (int, float))
    }
    if len(evaluations) == 1:
        means |= {n: v for n, v in evaluations[0].items() if n.startswith("macro_f1_")}
    interval = measured.score
    ends = zip(SHARE, (interval.mean, interval.low, interval.high), strict=True)
    found = means | {f"{name}{end}": value for end, value in ends} | {"seeds": measured.seeds}
    if measured.standard_error is None:
        return found
    return found | {"standard_error": measured.standard_error}


def teacher(parse: Metrics, usage: Metrics, price: Price, splits: Iterable[str]) -> dict[str, Any]:
    """How the teacher's completions parsed by split, and what they cost, in the price's currency.

    `parse` has the train rows' measures at its top level, those of other splits under their names.
    """
    cost = (
        usage.get("prompt_tokens", 0) * price.prompt
        + usage.get("completion_tokens", 0) * price.completion
    ) / PER_MILLION
    nested = {split: parse[split] for split in sorted(splits) if split in parse}
    train = {name: value for name, value in parse.items() if name not in nested}
    asked = {"train": train, **nested}
    return dict(usage) | {
        "cost": {price.currency: cost},
        "splits": {split: found for split, found in asked.items() if found.get("rows")},
    }


def summarised(found: Metrics) -> dict[str, Any]:
    """The figures that people compare: what `dvc metrics diff` and `dvc exp show` list.

    Intervals of the student's scores alone, and no figure that says what another one says.
    """
    labels, asked = found["labels"], found["teacher"]
    measured = NAMED[found["measure"]]
    named = [f"{measured.name}{end}" for end in SHARE] + [each.name for each in measured.beside]
    wanted = (*named, *STUDENTS_OWN, f"validation_{measured.name}")
    own = {name: found["student"][name] for name in wanted if name in found["student"]}
    recalls = {label: values["recall"] for label, values in labels.items() if "recall" in values}
    if recalls:
        own["lowest_recall"] = min(recalls.values())
        own["labels_never_right"] = sum(recall == 0 for recall in recalls.values())
        if len(recalls) <= FEW:
            own["recall"] = recalls
    references = {
        name: values[found["measure"]]
        for name, values in found["references"].items()
        if is_compared(name) and found["measure"] in values
    }
    teachers = measured.of_teacher
    of_teacher = {
        f"{split}_{teachers.removeprefix(OF_TEACHER)}": values[teachers]
        for split, values in asked["splits"].items()
        if teachers in values
    }
    of_teacher |= {
        f"{split}_unread": unread(values)
        for split, values in asked["splits"].items()
        if "status" in values
    }
    tokens = {n: asked[n] for n in ("prompt_tokens", "completion_tokens", "cost") if n in asked}
    retrieval = {n: v for n, v in found["retrieval"].items() if n == "same_label_share"}
    data = {
        name: found[of][name]
        for of, name in (("chosen", "selected"), ("augment", "synthetic"))
        if name in found[of]
    }
    return numbers(
        {
            "student": own,
            "references": references,
            "teacher": of_teacher | tokens,
            "retrieval": retrieval,
            "rows": data,
        }
    )


def unread(values: Metrics) -> float:
    """The share of a split's completions of which no label was read."""
    return float(sum(values["status"].get(status, 0) for status in UNREAD))


def rounded(value: Any) -> Any:
    """The same with its fractions rounded: figures below 1e-6 are noise in a diff."""
    if isinstance(value, Mapping):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(inner) for inner in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def numbers(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same nesting with the numbers alone, rounded."""
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            kept[name] = numbers(inner)
        elif isinstance(inner, (int, float)):
            kept[name] = rounded(inner)
    return kept


def require_same_rows(test_ids: Iterable[str], scored: Mapping[str, Scores]) -> None:
    """Fail when predictions are not over exactly the test rows: they come from different runs."""
    expected = set(test_ids)
    for name, rows in scored.items():
        if rows.keys() != expected:
            example = min(rows.keys() ^ expected)
            raise StillhouseError(
                f"The predictions of '{name}' and the test rows differ in "
                f"{len(rows.keys() ^ expected)} ids, the first {example!r}. Run `dvc repro`."
            )
