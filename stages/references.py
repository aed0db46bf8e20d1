"""Score models that cost nothing on the test rows, trained on what the student trains on.

Run it with `dvc repro references`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.core import paths
from stillhouse.core.tables import EMBEDDINGS, EXAMPLES, REFERENCES, TRAINING
from stillhouse.references.references import score_references
from stillhouse.stage import Stage, StageConfig, run_stage


class ReferencesConfig(StageConfig):
    dataset: DatasetConf


def main(stage: Stage[ReferencesConfig]) -> None:
    examples, training = stage.rows(EXAMPLES), stage.rows(TRAINING)
    embeddings = stage.table(EMBEDDINGS)
    rows, metrics = score_references(examples, training, embeddings, stage.config.dataset.answer)
    stage.write(REFERENCES, rows)
    stage.write_json(paths.REFERENCES_METRICS, metrics)


if __name__ == "__main__":
    run_stage("references", main, ReferencesConfig)
