"""How often exemplars share the label of the training row they were chosen for."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from stillhouse.retrieve.rows import Integers, Rows, hidden_counts


def label_agreement(
    asking: Rows, pool: Rows, positions: Integers, labels: Mapping[str, str | None]
) -> dict[str, float]:
    """Share of (training row, exemplar) pairs with equal labels, and what chance would give.

    Chance is the mean, over training rows, of the share of the row's label among all pool rows that
    it could have been given. `labels` are those of the pool, by id.
    """
    numbers: dict[str | None, int] = {}
    tags = [numbers.setdefault(labels[id_], len(numbers)) for id_ in pool.ids]
    place = {id_: position for position, id_ in enumerate(asking.ids)}
    which = np.array([place[id_] for id_ in pool.ids], dtype=np.int64)
    train = Rows(pool.ids, asking.text[which], asking.group[which])
    shared = np.array(tags)[positions[which]] == np.array(tags)[:, None]
    of_label = Counter(tags)
    alike = np.array([of_label[tag] for tag in tags]) - hidden_counts(train, pool, tags, tags)
    alone = [0] * len(pool)
    visible = len(pool) - hidden_counts(train, pool, alone, alone)
    return {
        "same_label_share": round(float(shared.mean()), 6),
        "chance_same_label_share": round(float((alike / visible).mean()), 6),
    }
