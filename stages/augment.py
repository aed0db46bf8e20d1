"""Make the training table: the chosen rows, and new ones from what the student finds hard.

Reads data/{chosen,examples,exemplars}.parquet, the store. Writes data/training.parquet,
metrics/augment.json. Params: real, synthetic, feedback, hard_share, rationale_source, dataset,
prompt, teacher, judge, augment. Run it with `dvc repro augment`.
"""

from stillhouse.augment.augment import training_rows
from stillhouse.augment.config import AugmentConfig
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage


def main() -> None:
    config = AugmentConfig.load()
    rows, metrics = training_rows(
        tables.read_rows(paths.CHOSEN, tables.CHOSEN),
        tables.read_rows(paths.EXAMPLES, tables.EXAMPLES),
        tables.read_rows(paths.EXEMPLARS, tables.EXEMPLARS),
        config,
    )
    tables.write_rows(paths.TRAINING, tables.TRAINING, rows)
    write_json(paths.AUGMENT_METRICS, metrics)


if __name__ == "__main__":
    run_stage("augment", main)
