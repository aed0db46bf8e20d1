"""How many rows kept for scoring also occur where students and teachers learn."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

LEARNT = ("train", "unlabelled", "exemplar")
SCORED = ("validation", "test")
_PUNCTUATION = re.compile(r"[\s.,;:!?'\"()\[\]…‘’“”-]+")


def overlap(examples: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """By scored split and learnt split: the scored rows whose id, or whose query, the other has.

    Queries are compared without regard to case, white space, punctuation and width.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    queries: dict[str, Counter[str]] = defaultdict(Counter)
    for row in examples:
        ids[row["split"]].add(row["id"])
        queries[row["split"]][normalised(row["query"])] += 1
    return {
        scored: {
            learnt: {
                "ids": len(ids[scored] & ids[learnt]),
                "queries": sum(
                    count for query, count in queries[scored].items() if query in queries[learnt]
                ),
            }
            for learnt in LEARNT
            if ids[learnt]
        }
        for scored in SCORED
        if ids[scored]
    }


def normalised(query: str) -> str:
    """The words of a query, folded; its own text where it has none."""
    folded = unicodedata.normalize("NFKC", query).casefold()
    return " ".join(_PUNCTUATION.split(folded)).strip() or query
