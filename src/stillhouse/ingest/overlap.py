"""How many rows kept for scoring also occur where students and teachers learn."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.core.same_query import query_key
from stillhouse.core.tables import EXEMPLAR

LEARNT = ("train", "unlabelled", EXEMPLAR)
SCORED = ("validation", "test")


def overlap(examples: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """By scored split and learnt split: the scored rows whose id, or query, the other has."""
    ids: dict[str, set[str]] = defaultdict(set)
    queries: dict[str, Counter[str]] = defaultdict(Counter)
    for row in examples:
        ids[row["split"]].add(row["id"])
        queries[row["split"]][query_key(row["query"])] += 1
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
