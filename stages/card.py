"""Write a student's model card beside its model.

Run it with `dvc repro card`.
"""

from stillhouse.card.card import model_card
from stillhouse.card.config import CardConfig
from stillhouse.card.limits import read_confusion
from stillhouse.card.measured import Measured
from stillhouse.core import paths
from stillhouse.core.files import sha256_file
from stillhouse.core.tables import EXAMPLES, TRAINING
from stillhouse.stage import Stage, run_stage
from stillhouse.students.folder import read_any_manifest
from stillhouse.students.serving import parse_serving
from stillhouse.teacher_select.selected import with_selected


def main(stage: Stage[CardConfig]) -> None:
    seed = stage.seed
    rated = stage.json(paths.RATINGS_METRICS)
    references = stage.json(paths.BASELINE_METRICS)
    measured = Measured(
        student=stage.json(paths.eval_metrics(seed)) | rated.get(f"seed={seed}", {}),
        references={name: found | rated.get(name, {}) for name, found in references.items()},
        data=stage.json(paths.INGEST_METRICS),
        chosen=stage.json(paths.CHOSEN_METRICS),
        added=stage.json(paths.AUGMENT_METRICS),
        manifest=read_any_manifest(stage.input(paths.student_manifest(seed)).parent),
        serving=parse_serving(stage.json(paths.student_serving(seed)), paths.student_serving(seed)),
        confusion=read_confusion(stage.input(paths.confusion_plot(seed)).read_text("utf-8")),
        hashes={each.name: sha256_file(stage.input(each.path)) for each in (EXAMPLES, TRAINING)},
    )
    config = with_selected(stage.config, stage.json(paths.SELECTED))
    stage.write_text(paths.student_card(seed), model_card(config, seed, measured))


if __name__ == "__main__":
    run_stage("card", main, CardConfig)
