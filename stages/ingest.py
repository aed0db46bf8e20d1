"""Read the dataset's source into checked rows, and show what they are.

Run it with `dvc repro ingest`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.inputs import inputs
from stillhouse.ingest.labels import read_labels
from stillhouse.ingest.raw import read_exemplars, read_splits
from stillhouse.ingest.show import print_looked
from stillhouse.stage import Stage, StageConfig, run_stage


class IngestConfig(StageConfig):
    dataset: DatasetConf
    limit: int | None


def main(stage: Stage[IngestConfig]) -> None:
    dataset = stage.config.dataset
    raw = read_splits(dataset)
    exemplars = read_exemplars(dataset.human_exemplars)
    labels = read_labels(dataset)
    examples, looked = build_examples(dataset, raw, exemplars, stage.config.limit, labels)
    stage.write(EXAMPLES, examples)
    stage.write_json(paths.INPUTS, inputs(dataset, raw, examples))
    stage.write_json(paths.INGEST_METRICS, looked.metrics)
    print_looked(looked)


if __name__ == "__main__":
    run_stage("ingest", main, IngestConfig)
