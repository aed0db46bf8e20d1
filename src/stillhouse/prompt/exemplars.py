"""Each row's exemplars in order of rank, checked: only training rows and human exemplars."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import EXEMPLAR

SHOWN_SPLITS = ("train", EXEMPLAR)


def exemplars_by_row(
    asked: Sequence[Mapping[str, Any]],
    examples: Iterable[Mapping[str, Any]],
    exemplars: Iterable[Mapping[str, Any]],
) -> dict[str, list[str]]:
    """The ids of each asked row's exemplars, the first rank first.

    Fails when an exemplar is not a training row or a human exemplar, or is the row itself, and when
    rows have unequal numbers of exemplars.
    """
    known = by_id(examples, "examples")
    ranked = sorted(exemplars, key=lambda row: (row["id"], row["rank"]))
    require_ids((row["exemplar_id"] for row in ranked), known, "exemplars", "examples")
    chosen: dict[str, list[str]] = defaultdict(list)
    for row in ranked:
        id_, shown = row["id"], known[row["exemplar_id"]]
        if shown["split"] not in SHOWN_SPLITS or shown["id"] == id_ or shown["label"] is None:
            raise StillhouseError(
                f"Row {id_!r} has the exemplar {shown['id']!r} of split '{shown['split']}', but "
                "exemplars are other rows, with a label, of train or exemplar. Run `dvc repro`."
            )
        chosen[id_].append(shown["id"])
    found = {row["id"]: chosen[row["id"]] for row in asked}
    if len({len(ids) for ids in found.values()}) > 1:
        short = min(found, key=lambda id_: (len(found[id_]), id_))
        raise StillhouseError(
            f"Table 'exemplars' has {len(found[short])} exemplars for row {short!r}, and more for "
            "others. The tables come from different runs: run `dvc repro`."
        )
    return found
