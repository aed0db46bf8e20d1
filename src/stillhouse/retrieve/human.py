"""Exemplars written by people: the same for every row, in the order of their file."""

import numpy as np

from stillhouse.core.errors import StillhouseError
from stillhouse.retrieve.rows import Integers, Rows, hidden, require_enough


def human_choice(asking: Rows, human: Rows, k: int) -> Integers:
    """The positions (rows, k) of the first `k` exemplars that do not have the row's query."""
    if not len(human):
        raise StillhouseError(
            "`exemplars` is human, but the dataset has no human exemplars. Set `human_exemplars` "
            "in conf/dataset, or choose another value of `exemplars`."
        )
    if len(human) < k:
        raise StillhouseError(
            f"`k` is {k}, but the dataset has only {len(human)} human exemplars. Lower `k`, or "
            "add to the file that `human_exemplars` names."
        )
    require_enough(asking, human, k)
    everything = np.arange(len(human))[None, :]
    unseen = ~hidden(asking, np.arange(len(asking)), human, everything)
    return np.argsort(~unseen, axis=1, kind="stable")[:, :k]
