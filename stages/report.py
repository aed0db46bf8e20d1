"""Put every figure into one summary, its plots, and a table in the terminal.

Reads every stage's metrics, data/examples.parquet, data/predictions. Writes
metrics/summary.json, metrics/plots. Params: seeds, teacher. Run it with `dvc repro report`.
"""

from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths, tables
from stillhouse.core.files import read_json, write_json, write_text
from stillhouse.core.log import read_events
from stillhouse.core.stage import run_stage
from stillhouse.report import plots, summary, table

DATA = (paths.INGEST_METRICS, paths.RETRIEVE_METRICS, paths.TEACHER_METRICS, paths.PARSE_METRICS)
LATER = (paths.JUDGE_METRICS, paths.FEEDBACK_METRICS, paths.AUGMENT_METRICS, paths.BASELINE_METRICS)


class ReportConfig(StageConfig):
    ENTRIES = {"teacher": Entry(keys=("price",))}
    seeds: tuple[int, ...]
    teacher: TeacherConf


def main() -> None:
    config = ReportConfig.load()
    metrics = {path.stem: read_json(path) for path in (*DATA, *LATER)}
    students = {seed: read_json(paths.eval_metrics(seed)) for seed in config.seeds}
    examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
    files = {name: paths.predictions(name) for name in summary.models(config.seeds)}
    predictions = {name: tables.read_rows(p, tables.PREDICTIONS) for name, p in files.items()}
    found = summary.summarise(metrics, students, examples, predictions, config.teacher.price)
    write_text(paths.ACCURACY_PLOT, plots.accuracy_csv(found))
    write_text(paths.STATUS_PLOT, plots.status_csv(found))
    write_json(paths.SUMMARY, found)
    table.print_results(found, table.latest_seconds(read_events("stage")))


if __name__ == "__main__":
    run_stage("report", main)
