"""Put every figure into one summary, its plots, and a table in the terminal.

Run it with `dvc repro report`.
"""

from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.log import read_events
from stillhouse.core.tables import EXAMPLES, predictions
from stillhouse.report import plots, summary, table
from stillhouse.stage import Stage, StageConfig, run_stage

DATA = (paths.INGEST_METRICS, paths.RETRIEVE_METRICS, paths.TEACHER_METRICS, paths.PARSE_METRICS)
LATER = (paths.JUDGE_METRICS, paths.CHOSEN_METRICS, paths.AUGMENT_METRICS, paths.BASELINE_METRICS)


class ReportConfig(StageConfig):
    seeds: tuple[int, ...]
    lambda_: float
    fraction: float
    teacher: TeacherConf


def main(stage: Stage[ReportConfig]) -> None:
    seeds, price = stage.config.seeds, stage.config.teacher.price
    metrics = {path.stem: stage.json(path) for path in (*DATA, *LATER)}
    students = {seed: stage.json(paths.eval_metrics(seed)) for seed in seeds}
    predicted = {model: stage.rows(predictions(model)) for model in summary.models(seeds)}
    knobs = {"lambda": stage.config.lambda_, "fraction": stage.config.fraction}
    examples = stage.rows(EXAMPLES)
    found = summary.summarise(metrics, students, examples, predicted, price=price, knobs=knobs)
    stage.write_text(paths.ACCURACY_PLOT, plots.accuracy_csv(found))
    stage.write_text(paths.STATUS_PLOT, plots.status_csv(found))
    stage.write_json(paths.SUMMARY, found)
    table.print_results(found, table.latest_seconds(read_events("stage")))


if __name__ == "__main__":
    run_stage("report", main, ReportConfig)
