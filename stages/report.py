"""Put every figure into one report, its summary and plots, print it, and make the page of it.

Run it with `dvc repro report`.
"""

from stillhouse.config.dataset import RATING, DatasetConf
from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.knobs import Recipe
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.log import read_events
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
from stillhouse.evaluate.scoring import split_rows
from stillhouse.kinds.measures import NAMED
from stillhouse.page.document import document
from stillhouse.page.html import html
from stillhouse.page.run import Run, inputs, knob_values
from stillhouse.parse.form import reply_form
from stillhouse.report import plots, summary, table
from stillhouse.report.against import TEACHER
from stillhouse.report.cost import rates
from stillhouse.report.joined import Tables, by_model
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
    recipe: Recipe
    complexity: bool
    gold_student: bool
    zero_shot: tuple[str, ...]
    seeds: tuple[int, ...]
    dataset: DatasetConf
    embedder: EmbedderConf
    prompt: PromptConf
    teacher: TeacherConf
    student: StudentConf


def main(stage: Stage[ReportConfig]) -> None:
    selected = stage.json(paths.SELECTED)
    config, seeds = with_selected(stage.config, selected), stage.config.seeds
    recipe, training = config.recipe, config.student.training
    references = stage.rows(REFERENCES)
    gold = [{"model": paths.GOLD, **row} for row in stage.rows(predictions(paths.GOLD))]
    zero_shot = stage.rows(ZERO_SHOT)
    predicted = {model: stage.rows(predictions(model)) for model in summary.models(seeds)}
    tables = Tables(
        examples=stage.rows(EXAMPLES),
        exemplars=stage.rows(EXEMPLARS),
        prompts=stage.rows(PROMPTS),
        completions=stage.rows(COMPLETIONS),
        parsed=stage.rows(PARSED),
        training=stage.rows(TRAINING),
        feedback=stage.rows(FEEDBACK_PREDICTIONS),
        verdicts=stage.rows(VERDICTS),
        ratings=stage.rows(RATINGS),
        predictions=predicted | by_model([*references, *gold, *zero_shot]),
    )
    curves = {seed: stage.text(paths.train_curve(seed)) for seed in seeds}
    found = summary.everything(
        {path.stem: stage.json(path) for path in (*DATA, *LATER)},
        {seed: stage.json(paths.eval_metrics(seed)) for seed in seeds},
        tables.examples,
        predicted,
        references=[*references, *gold],
        zero_shot=zero_shot,
        confusions=[stage.text(paths.confusion_plot(seed)) for seed in seeds],
        curves=curves,
        parsed=tables.parsed,
        answer=config.dataset.answer,
        price=config.teacher.price,
        ratings=tables.ratings,
        rated=stage.json(paths.RATINGS_METRICS),
        run={
            "seeds": seeds,
            "lambda": recipe.lambda_,
            "fraction": recipe.fraction,
            "exemplars": recipe.exemplars,
            "rationale_filter": recipe.rationale_filter,
            "teacher": recipe.teacher,
            "max_tokens": config.teacher.decoding.max_tokens,
            "student": recipe.student,
            "training": training.model_dump() if training else None,
            **({"search": recipe.search} if selected else {}),
        },
    )
    stage.write_text(paths.ACCURACY_PLOT, plots.accuracy_csv(found))
    stage.write_text(paths.GRADED_PLOT, plots.graded_csv(found))
    stage.write_text(paths.STATUS_PLOT, plots.status_csv(found))
    stage.write_json(paths.REPORT, found)
    scored = summary.scores_by_model(predicted, [*references, *gold, *zero_shot])
    answer, measure = config.dataset.answer, NAMED[found["measure"]]
    if TEACHER in found["against"] and answer.metric != RATING:
        test = split_rows(tables.examples, "test", answer.metric)
        scored[TEACHER] = summary.teacher_scores(test, tables.parsed, answer)
    outcomes = outcomes_of(tables.examples, scored, tables.ratings, answer.metric, measure)
    stage.write_json(paths.OUTCOMES, outcomes.written())
    stage.write_json(paths.SUMMARY, summary.summarised(found))
    others = ("complexity", "gold_student", "zero_shot", "seeds")
    knobs = knob_values(vars(recipe) | {name: getattr(config, name) for name in others})
    run = Run(
        found=found,
        tables=tables,
        curves=curves,
        form=reply_form(config.prompt, config.dataset),
        knobs=knobs,
        inputs=inputs(knobs, config.dataset, config.teacher, config.student, config.embedder),
        # Seconds differ between equal runs, so the page, an output, has none.
        rates=rates(config.teacher, config.student, {"teacher": (), "student": ()}, {}),
        seconds={},
    )
    stage.write_text(paths.PAGE, html(document(run)))
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
