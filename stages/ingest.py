"""Read the dataset's source into checked rows.

Reads the source that conf/dataset names. Writes data/examples.parquet, metrics/ingest.json.
Params: dataset, limit. Run it with `dvc repro ingest`.
"""

from typing import ClassVar

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.load import Entry, StageConfig
from stillhouse.core import paths
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.core.tables import EXAMPLES, write_rows
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.raw import read_exemplars, read_splits


class IngestConfig(StageConfig):
    ENTRIES: ClassVar = {
        "dataset": Entry(keys=("source", "splits", "fields", "answer", "reject", "human_exemplars"))
    }

    dataset: DatasetConf
    limit: int | None


def main() -> None:
    config = IngestConfig.load()
    raw = read_splits(config.dataset)
    exemplars = read_exemplars(config.dataset.human_exemplars)
    examples, metrics = build_examples(config.dataset, raw, exemplars, config.limit)
    write_rows(paths.EXAMPLES, EXAMPLES, examples)
    write_json(paths.INGEST_METRICS, metrics)


if __name__ == "__main__":
    run_stage("ingest", main)
