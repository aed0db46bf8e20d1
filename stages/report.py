"""Put every figure into one report, its summary and plots, and print it.

Run it with `dvc repro report`.
"""

from stillhouse.config.dataset import RATING, DatasetConf
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.log import read_events
from stillhouse.core.tables import (
    EXAMPLES,
    PARSED,
    RATINGS,
    REFERENCES,
    ZERO_SHOT,
    predictions,
)
from stillhouse.evaluate.scoring import split_rows
from stillhouse.kinds.measures import NAMED
from stillhouse.report import plots, summary, table
from stillhouse.report.against import TEACHER
from stillhouse.report.cost import rates
from stillhouse.report.latest_run import latest_run
from stillhouse.report.outcomes import outcomes_of
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.teacher_select.selected import with_selected

DATA = (paths.INGEST_METRICS, paths.RETRIEVE_METRICS, paths.TEACHER_METRICS, paths.PARSE_METRICS)
LATER = (
    paths.JUDGE_METRICS,
    paths.CHOSEN_METRICS,
    paths.AUGMENT_METRICS,
    paths.BASELINE_METRICS,
    paths.REFERENCES_METRICS,
    paths.COMPLEXITY_METRICS,
    paths.GOLD_STUDENT_METRICS,
    paths.ZERO_SHOT_METRICS,
)


class ReportConfig(StageConfig):
    seeds: tuple[int, ...]
    lambda_: float
    fraction: float
    exemplars: str
    rationale_filter: str
    dataset: DatasetConf
    teacher: TeacherConf
    teacher_name: str
    student: StudentConf
    student_name: str
    search_name: str


def main(stage: Stage[ReportConfig]) -> None:
    selected = stage.json(paths.SELECTED)
    config, seeds = with_selected(stage.config, selected), stage.config.seeds
    training = config.student.training
    gold = [{"model": paths.GOLD, **row} for row in stage.rows(predictions(paths.GOLD))]
    examples, parsed, ratings = map(stage.rows, (EXAMPLES, PARSED, RATINGS))
    zero_shot, references = stage.rows(ZERO_SHOT), [*stage.rows(REFERENCES), *gold]
    predicted = {model: stage.rows(predictions(model)) for model in summary.models(seeds)}
    found = summary.everything(
        {path.stem: stage.json(path) for path in (*DATA, *LATER)},
        {seed: stage.json(paths.eval_metrics(seed)) for seed in seeds},
        examples,
        predicted,
        references=references,
        zero_shot=zero_shot,
        confusions=[stage.text(paths.confusion_plot(seed)) for seed in seeds],
        curves={seed: stage.text(paths.train_curve(seed)) for seed in seeds},
        parsed=parsed,
        answer=config.dataset.answer,
        price=config.teacher.price,
        ratings=ratings,
        rated=stage.json(paths.RATINGS_METRICS),
        run={
            "seeds": seeds,
            "lambda": config.lambda_,
            "fraction": config.fraction,
            "exemplars": config.exemplars,
            "rationale_filter": config.rationale_filter,
            "teacher": config.teacher_name,
            "max_tokens": config.teacher.decoding.max_tokens,
            "student": config.student_name,
            "training": training.model_dump() if training else None,
            **({"search": config.search_name} if selected else {}),
        },
    )
    stage.write_text(paths.ACCURACY_PLOT, plots.accuracy_csv(found))
    stage.write_text(paths.GRADED_PLOT, plots.graded_csv(found))
    stage.write_text(paths.STATUS_PLOT, plots.status_csv(found))
    stage.write_json(paths.REPORT, found)
    scored = summary.scores_by_model(predicted, [*references, *zero_shot])
    answer, measure = config.dataset.answer, NAMED[found["measure"]]
    if TEACHER in found["against"] and answer.metric != RATING:
        test = split_rows(examples, "test", answer.metric)
        scored[TEACHER] = summary.teacher_scores(test, parsed, answer)
    outcomes = outcomes_of(examples, scored, ratings, answer.metric, measure)
    stage.write_json(paths.OUTCOMES, outcomes.written())
    stage.write_json(paths.SUMMARY, summary.summarised(found))
    events = {name: read_events(name) for name in ("stage", "teacher", "student")}
    seconds = table.latest_seconds(events["stage"])
    table.print_results(
        found,
        seconds,
        rates=rates(config.teacher, config.student, events, seconds),
        latest=latest_run(events["stage"], events["teacher"]),
    )


if __name__ == "__main__":
    run_stage("report", main, ReportConfig)
