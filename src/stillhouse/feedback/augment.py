"""Add synthetic rows to the training set."""

from collections.abc import Iterable

from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row

REAL = "real"


def add_synthetic(rows: Iterable[Row], synthetic: int) -> tuple[list[Row], dict[str, int]]:
    """Rows of table `training` from rows of `splits`, and the content of metrics/augment.json."""
    if synthetic:
        raise StillhouseError(
            f"`synthetic` is {synthetic} in params.yaml, but writing new questions is not built "
            "yet. What works today is `synthetic: 0`: the chosen rows alone."
        )
    training = [
        {column: row[column] for column in ("id", "query", "label", "rationale")} | {"origin": REAL}
        for row in rows
    ]
    return training, {"real": len(training), "synthetic": 0}
