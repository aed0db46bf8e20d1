"""The search: candidates are asked about validation rows in rounds, and one is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from stillhouse.config.search import Candidate, Halving, SearchConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.sampling import shuffled
from stillhouse.evaluate.scoring import scorable_rows
from stillhouse.teacher_generate.plan import completion_keys
from stillhouse.teacher_select.asking import Asking, Replies, mean_known
from stillhouse.teacher_select.standing import Placed, Standing, cost_of, going_on, placed, taken

SEED = "teacher_select"
"""Of the order of the rows. Fixed: more rows begin with those of fewer."""


@dataclass(frozen=True)
class Round:
    """So many candidates were asked about so many rows."""

    rows: int
    candidates: int


@dataclass(frozen=True)
class Searched:
    """What a search found."""

    chosen: Placed
    every: Sequence[Placed]
    """Every candidate in the order of the entry, each in the last round that it was in."""
    rounds: Sequence[Round]
    answers: int
    """Completions that were read, of all candidates."""
    requests: int
    """How many of them were asked for: equal ones are shared."""
    saved: int
    """Requests that were left out since candidates did not go on. At least so many: another
    `max_tokens` of the same prompt might have taken one more."""

    @property
    def best(self) -> Standing:
        """The best of the last round."""
        standings = (each.standing for each in self.every if each.gap is None)
        return next(each for each in standings if each.round == len(self.rounds))


def rows_to_search_on(asking: Asking, most: int | None) -> list[str]:
    """The ids of validation rows that can be scored, in an order that depends on ids alone."""
    rows = scorable_rows(asking.examples, "validation", asking.dataset.answer.metric)
    if not rows:
        labelled = " with a label" if asking.measure.needs_label else ""
        raise StillhouseError(
            f"There is no validation row{labelled}, so no candidate of the search could be scored. "
            "Hold some out in the dataset's entry, such as `validation: {hold_out_from: train, "
            "share: 0.1}`, or set `search: none`."
        )
    return shuffled((row["id"] for row in rows), SEED)[:most]


def round_sizes(rows: int, halving: Halving | None) -> list[int]:
    """The rows of each round, all of them in the last: each holds those of the one before."""
    sizes = []
    size = halving.first_rows if halving else rows
    while halving and size < rows:
        sizes.append(size)
        size = ceil(size / halving.keep)
    return [*sizes, rows]


def search(conf: SearchConf, asking: Asking) -> Searched:
    """Ask the candidates in rounds, and take the cheapest of those that are as good as the best.

    Raises StillhouseError where no validation row can be scored, before anything is asked, and as
    asking does.
    """
    candidates = conf.candidates(asking.teacher.decoding)
    ids = rows_to_search_on(asking, conf.rows)
    sizes = round_sizes(len(ids), conf.halving)
    last: dict[int, Placed] = {}
    replied: dict[str, Replies] = {}
    rounds: list[Round] = []
    places: Sequence[int] = range(len(candidates))
    for number, size in enumerate(sizes, 1):
        now = {place: candidates[place] for place in sorted(places)}
        rounds.append(Round(size, len(now)))
        replies = asking.replies(list(now.values()), ids[:size])
        replied |= replies
        order = placed([_standing(asking, now[place], place, number, replies) for place in now])
        last |= {each.standing.place: each for each in order}
        if conf.halving and number < len(sizes):
            order = going_on(order, conf.halving.keep)
        places = [each.standing.place for each in order]
        if len(places) == 1:
            break
    every = [last[place] for place in range(len(candidates))]
    asked = set().union(*(each.asked for each in replied.values()))
    left_out = {
        key
        for each in (one.standing for one in every)
        for batch in asking.batches([each.candidate], ids[rounds[each.round - 1].rows :])
        for key in completion_keys(batch.prompts, batch.teacher).to_pylist()
    }
    return Searched(
        taken(order),
        every,
        rounds,
        answers=sum(each.completions for each in replied.values()),
        requests=len(asked),
        saved=len(left_out - {key for key, _ in asked}),
    )


def _standing(
    asking: Asking, candidate: Candidate, place: int, number: int, replies: Mapping[str, Replies]
) -> Standing:
    """Over the rows to which all of the round replied."""
    own = replies[candidate.name].rows
    shared = [id_ for id_ in own if all(id_ in each.rows for each in replies.values())]
    if not shared:
        raise StillhouseError(
            "There is no validation row to which every candidate of the search replied. Ask "
            "again with `dvc repro`, or lower `compute.allow_failures` in the teacher's entry."
        )
    found = [own[id_] for id_ in shared]
    prompt = mean_known(each.prompt_tokens for each in found)
    completion = mean_known(each.completion_tokens for each in found)
    return Standing(
        candidate,
        place,
        number,
        scores=[each.score for each in found],
        measure=asking.measure,
        groups=[asking.known[id_]["group"] for id_ in shared],
        usable=fmean(each.usable for each in found),
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=cost_of(asking.teacher.price, prompt, completion),
    )
