"""Which rows make up a split: published permutations, hold-outs by hash, nested subsets."""

from collections.abc import Mapping, Sequence

from stillhouse.config.dataset import Permutation, Split
from stillhouse.core.errors import StillhouseError
from stillhouse.core.sampling import nested_subset, share_size, shuffled
from stillhouse.core.tables import Row
from stillhouse.core.templates import evaluate_expression, of_row
from stillhouse.ingest.files import RawRow
from stillhouse.ingest.overlap import Keys
from stillhouse.ingest.rows import content_key

TRAIN = "train"


def permuted(rows: Sequence[RawRow], permutation: Permutation | None) -> list[RawRow]:
    """The slice of NumPy's legacy permutation by which a published split was made."""
    if permutation is None:
        return list(rows)
    # The legacy generator's stream is frozen by NumPy's compatibility policy.
    import numpy as np

    ordered = _ordered(rows, permutation.order_by)
    order = np.random.RandomState(permutation.seed).permutation(len(ordered))
    if permutation.stop > len(ordered):
        raise StillhouseError(
            f"`permutation.stop` is {permutation.stop}, but there are {len(ordered)} rows."
        )
    return [ordered[i] for i in order[permutation.start : permutation.stop].tolist()]


def _ordered(rows: Sequence[RawRow], expression: str | None) -> list[RawRow]:
    if expression is None:
        return list(rows)
    keys = [
        evaluate_expression(expression, of_row(row.values), f"{row.where}, permutation.order_by")
        for row in rows
    ]
    if len(set(keys)) != len(keys):
        raise StillhouseError(
            f"`permutation.order_by` ({expression}) gives two rows the same value, so the order "
            "is not determined."
        )
    return [rows[i] for i in sorted(range(len(rows)), key=keys.__getitem__)]


def hold_out(
    rows: Mapping[str, Sequence[Row]], splits: Mapping[str, Split], asked: Keys
) -> dict[str, list[Row]]:
    """Move the rows of held-out splits, whole groups at a time, chosen by hash.

    A row without a group is one by itself; rows with the same query are always one group. Shares
    count groups, and several splits held out of the same one never overlap.
    """
    result = {name: list(found) for name, found in rows.items()}
    for origin in rows:
        taken = {n: s.share for n, s in splits.items() if s.hold_out_from == origin and s.share}
        if not taken:
            continue
        keys = _groups(rows[origin], asked)
        order = shuffled(set(keys), "hold_out", origin)
        owner: dict[str, str] = {}
        for name, share in taken.items():
            start = len(owner)
            chosen = order[start : start + share_size(len(order), share)]
            owner |= dict.fromkeys(chosen, name)
        if len(owner) == len(order):
            raise StillhouseError(
                f"Holding out {', '.join(taken)} leaves no rows in `{origin}`: it has "
                f"{len(order)} groups. Lower the shares, or give smaller groups."
            )
        for name in (origin, *taken):
            result[name] = [
                row | {"split": name}
                for row, key in zip(rows[origin], keys, strict=True)
                if owner.get(key, origin) == name
            ]
    return result


def _groups(rows: Sequence[Row], query_keys: Keys) -> list[str]:
    """The name of each row's group; groups that share a query are one, by its least name."""
    joined: dict[str, str] = {}
    asked: dict[str, str] = {}

    def name_of(key: str) -> str:
        while joined[key] != key:
            key = joined[key]
        return key

    keys = [row["group"] or row["id"] or content_key(row) for row in rows]
    for row, key in zip(rows, keys, strict=True):
        joined.setdefault(key, key)
        first = asked.setdefault(query_keys[row["query"]], key)
        least, other = sorted((name_of(first), name_of(key)))
        joined[other] = least
    return [name_of(key) for key in keys]


def with_ids(rows: Sequence[Row]) -> list[Row]:
    """Give rows without an id one from split and content; repeated content gets `-2`, `-3`."""
    seen: dict[str, int] = {}
    result = []
    for row in rows:
        id_ = row["id"]
        if id_ is None:
            base = f"{row['split']}-{content_key(row)}"
            seen[base] = seen.get(base, 0) + 1
            id_ = base if seen[base] == 1 else f"{base}-{seen[base]}"
        result.append(row | {"id": id_})
    return result


def kept(rows: Sequence[Row], split: Split, limit: int | None) -> list[Row]:
    """The nested subset of `split.rows` rows, and of `limit` rows in the train split."""
    for size, purpose in [(split.rows, "rows"), (limit, "limit")]:
        if size is not None and rows:
            chosen = nested_subset((row["id"] for row in rows), size, purpose, rows[0]["split"])
            rows = [row for row in rows if row["id"] in chosen]
    return list(rows)
