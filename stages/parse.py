"""Split the teacher's completions into rationale and label, never filling in gold.

Reads data/completions.parquet, data/examples.parquet. Writes data/parsed.parquet,
metrics/parse.json. Params: dataset, prompt. Run it with `dvc repro parse`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.prompt import PromptConf
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.parse.form import reply_form
from stillhouse.parse.parse import parse_completions
from stillhouse.statistics.intervals import mean_ends


class ParseConfig(StageConfig):
    ENTRIES = {"dataset": Entry(("task", "fields", "answer")), "prompt": Entry(("reply", "tasks"))}

    dataset: DatasetConf
    prompt: PromptConf


def main() -> None:
    config = ParseConfig.load()
    parsed, metrics = parse_completions(
        tables.read_rows(paths.EXAMPLES, tables.EXAMPLES),
        tables.read_rows(paths.COMPLETIONS, tables.COMPLETIONS),
        reply_form(config.prompt, config.dataset),
        mean_ends,
    )
    tables.write_rows(paths.PARSED, tables.PARSED, parsed)
    write_json(paths.PARSE_METRICS, metrics)


if __name__ == "__main__":
    run_stage("parse", main)
