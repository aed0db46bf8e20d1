"""Write a student's model card, and how it decodes, beside its model.

Reads data/{examples,training}.parquet, metrics, models/student/seed=N/model/stillhouse.json.
Writes models/student/seed=N/README.md and decoding.json. Params: every knob but seeds.
Run it with `dvc repro card`.
"""

from stillhouse.card.card import Measured, model_card
from stillhouse.card.config import CardConfig
from stillhouse.core import paths
from stillhouse.core.files import read_json, sha256_file, write_json, write_text
from stillhouse.core.stage import run_stage, seed_argument


def main() -> None:
    config, seed = CardConfig.load(), seed_argument()
    measured = Measured(
        student=read_json(paths.eval_metrics(seed)),
        references=read_json(paths.BASELINE_METRICS),
        data=read_json(paths.INGEST_METRICS),
        chosen=read_json(paths.FEEDBACK_METRICS),
        added=read_json(paths.AUGMENT_METRICS),
        training=read_json(paths.student_manifest(seed))["training"],
        hashes={path.stem: sha256_file(path) for path in (paths.EXAMPLES, paths.TRAINING)},
    )
    write_text(paths.student_card(seed), model_card(config, seed, measured))
    write_json(paths.student_decoding(seed), config.student.decoding.model_dump())


if __name__ == "__main__":
    run_stage("card", main)
