"""Score models that cost nothing on the test rows, trained on what the student trains on.

Run it with `dvc repro references`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.core import paths
from stillhouse.core.tables import EMBEDDINGS, EXAMPLES, REFERENCES, TEACHER_LABELS, TRAINING
from stillhouse.evaluate.agreement import as_agreement, is_agreement, with_teacher_labels
from stillhouse.references.references import score_references
from stillhouse.stage import Stage, StageConfig, run_stage


class ReferencesConfig(StageConfig):
    dataset: DatasetConf


def main(stage: Stage[ReferencesConfig]) -> None:
    examples, training = stage.rows(EXAMPLES), stage.rows(TRAINING)
    embeddings, answer = stage.table(EMBEDDINGS), stage.config.dataset.answer
    compared = with_teacher_labels(examples, stage.rows(TEACHER_LABELS), answer)
    rows, metrics = score_references(compared, training, embeddings, answer)
    if is_agreement(examples, answer):
        metrics = {name: as_agreement(scores) for name, scores in metrics.items()}
    stage.write(REFERENCES, rows)
    stage.write_json(paths.REFERENCES_METRICS, metrics)


if __name__ == "__main__":
    run_stage("references", main, ReferencesConfig)
