"""Add synthetic rows to the training set.

Reads data/splits.parquet. Writes data/training.parquet, metrics/augment.json.
Params: synthetic. Run it with `dvc repro augment`.
"""

from stillhouse.config.load import StageConfig
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.feedback.augment import add_synthetic


class AugmentConfig(StageConfig):
    synthetic: int


def main() -> None:
    config = AugmentConfig.load()
    training, metrics = add_synthetic(
        tables.read_rows(paths.SPLITS, tables.SPLITS), config.synthetic
    )
    tables.write_rows(paths.TRAINING, tables.TRAINING, training)
    write_json(paths.AUGMENT_METRICS, metrics)


if __name__ == "__main__":
    run_stage("augment", main)
