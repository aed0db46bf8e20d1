"""The student that gives feedback, as data/feedback/student.json hands it to later stages.

The file holds all that its training and its predictions depend on, and nothing without feedback: so
a stage that depends on it reruns for another student only where that student gives feedback.
"""

from collections.abc import Mapping
from typing import Any

from stillhouse.config.student import (
    Asked,
    StudentConf,
    StudentDecoding,
    StudentModel,
    Templates,
    TrainedConf,
    Training,
)

PARTS = ("model", "templates", "training", "decoding")


def feedback_student(student: TrainedConf) -> dict[str, Any]:
    """The content of the file; the prompt's templates are put in the place of `prompt`."""
    return {name: getattr(student, name).model_dump(mode="json") for name in PARTS}


def read_feedback_student(values: Mapping[str, Any], untracked: StudentConf) -> TrainedConf | None:
    """The student of the file, None where nobody gives feedback; `untracked` has `mirror` and
    `compute`, which no result depends on.
    """
    if not values:
        return None
    templates = values["templates"]
    return TrainedConf.model_construct(
        model=StudentModel.model_validate(values["model"]),
        templates=(Asked if "system" in templates else Templates).model_validate(templates),
        training=Training.model_validate(values["training"]),
        decoding=StudentDecoding.model_validate(values["decoding"]),
        mirror=untracked.mirror,
        compute=untracked.compute,
    )
