"""Queries kept for scoring that are also learnt from: taken out there, or counted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import SCORED, Split
from stillhouse.core.errors import StillhouseError
from stillhouse.core.same_query import query_key
from stillhouse.core.tables import EXEMPLAR, Row

LEARNT = ("train", "validation", "unlabelled", EXEMPLAR)
"""Where rows are learnt from; validation rows choose, so test rows must not be among them."""

Keys = Mapping[str, str]
"""What `query_key` says of each query."""


def keys_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The keys of the rows' queries, each worked out once."""
    return {query: query_key(query) for query in {row["query"] for row in rows}}


def without_scored(
    parts: Mapping[str, Sequence[Row]], splits: Mapping[str, Split], keys: Keys
) -> tuple[dict[str, list[Row]], dict[str, int]]:
    """The splits without the learnt rows that ask a scored query, and how many were taken out.

    A scored split with `keep_overlap` takes nothing out.
    """
    scored = {
        name: {keys[row["query"]] for row in parts[name]}
        for name in SCORED
        if parts.get(name) and not splits[name].keep_overlap
    }
    left = {name: list(rows) for name, rows in parts.items()}
    taken = {}
    for name in LEARNT:
        others = _scored_for(name, scored)
        if not parts.get(name) or not others:
            continue
        asked = set[str]().union(*(scored[other] for other in others))
        left[name] = [row for row in parts[name] if keys[row["query"]] not in asked]
        taken[name] = len(parts[name]) - len(left[name])
        if not left[name] and name != EXEMPLAR:
            raise StillhouseError(
                f"Every row of the split `{name}` has a query of {' or '.join(others)}, so none is "
                "left to learn from. Read other rows, or write `keep_overlap: true` in "
                f"`splits.{others[0]}`, where the overlap is meant."
            )
    return left, taken


def overlap(
    examples: Sequence[Mapping[str, Any]], keys: Keys | None = None
) -> dict[str, dict[str, dict[str, int]]]:
    """By scored split and learnt split: the scored rows whose id, or query, the other has."""
    keys = keys_of(examples) if keys is None else keys
    ids: dict[str, set[str]] = defaultdict(set)
    queries: dict[str, Counter[str]] = defaultdict(Counter)
    for row in examples:
        ids[row["split"]].add(row["id"])
        queries[row["split"]][keys[row["query"]]] += 1
    return {
        scored: {
            learnt: {
                "ids": len(ids[scored] & ids[learnt]),
                "queries": sum(
                    count for query, count in queries[scored].items() if query in queries[learnt]
                ),
            }
            for learnt in LEARNT
            if ids[learnt] and _scored_for(learnt, (scored,))
        }
        for scored in SCORED
        if ids[scored]
    }


def _scored_for(learnt: str, scored: Iterable[str]) -> list[str]:
    """Of the scored splits those whose queries a learnt split should not have."""
    return [name for name in scored if name == "test" or learnt not in SCORED]
