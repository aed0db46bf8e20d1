"""Write a student's model card, and how it decodes, beside its model.

Run it with `dvc repro card`.
"""

from stillhouse.card.card import Measured, model_card
from stillhouse.card.config import CardConfig
from stillhouse.core import paths
from stillhouse.core.files import sha256_file
from stillhouse.core.tables import EXAMPLES, TRAINING
from stillhouse.stage import Stage, run_stage


def main(stage: Stage[CardConfig]) -> None:
    seed = stage.seed
    measured = Measured(
        student=stage.json(paths.eval_metrics(seed)),
        references=stage.json(paths.BASELINE_METRICS),
        data=stage.json(paths.INGEST_METRICS),
        chosen=stage.json(paths.CHOSEN_METRICS),
        added=stage.json(paths.AUGMENT_METRICS),
        training=stage.json(paths.student_manifest(seed))["training"],
        hashes={each.name: sha256_file(stage.input(each.path)) for each in (EXAMPLES, TRAINING)},
    )
    stage.write_text(paths.student_card(seed), model_card(stage.config, seed, measured))
    stage.write_json(paths.student_decoding(seed), stage.config.student.decoding.model_dump())


if __name__ == "__main__":
    run_stage("card", main, CardConfig)
