"""What the run measured about one student, as the files of the pipeline hold it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stillhouse.students.folder import Manifest, ServedManifest
from stillhouse.students.serving import Serving

Metrics = Mapping[str, Any]


class Confused(NamedTuple):
    """How many test rows of one class were given another, or the same."""

    actual: str
    predicted: str
    rows: int


@dataclass(frozen=True)
class Measured:
    """All that a card says of one student beside its configuration."""

    student: Metrics
    """Of the test rows, and the size."""
    references: Mapping[str, Metrics]
    """The same of the untrained student and of the majority class."""
    data: Metrics
    """Rows by split, rejects, overlap, scripts."""
    chosen: Metrics
    """What the feedback stage counted."""
    added: Metrics
    """What the augment stage counted."""
    manifest: Manifest | ServedManifest
    """What the training says of the student."""
    serving: Serving
    """How it is asked."""
    hashes: Mapping[str, str]
    """SHA-256 by table: the dataset's examples, and the rows that were trained on."""
    confusion: Sequence[Confused] = field(default=())
    """Where labels are classes."""
