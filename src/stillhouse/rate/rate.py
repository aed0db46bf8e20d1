"""A judge's ratings of every model's replies to the test conversations, turn by turn.

After the measure of helpful, honest, harmless answers of Knowledge distillation using frontier
open-source LLMs: each reply is rated in the light of what was said before it; a conversation's
rating is the mean over its turns, a model's the mean over conversations.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from stillhouse.config.judge import JudgeConf, judging_model
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.conversation import read_query
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row
from stillhouse.feedback_judge.ask import Case, ask_judge
from stillhouse.kinds.measures import RATED
from stillhouse.statistics.graded import score_interval
from stillhouse.statistics.intervals import as_metrics
from stillhouse.store.store import Store

Replies = Mapping[str, Sequence[str]]
"""A model's replies to conversations, by id."""
ByModel = Mapping[str, Mapping[str, float]]
Metrics = dict[str, Any]


def rate(
    replies: Mapping[str, Replies],
    examples: Mapping[str, Mapping[str, Any]],
    judge: JudgeConf,
    teacher: TeacherConf,
    *,
    store: Store | None = None,
) -> tuple[list[Row], dict[str, Metrics]]:
    """Rows of table `ratings`, one for each reply, and the figures of each model.

    A reply of which the judge gives no verdict, such as a number that is not on its scale, has the
    rating null: it is counted and left out, never guessed. Raises StillhouseError where not one
    reply of a model has a verdict.
    """
    cases = {
        (model, id_, turn): case
        for model, of_model in replies.items()
        for id_, said in of_model.items()
        for turn, case in enumerate(cases_of(model, id_, examples[id_]["query"], said), 1)
    }
    given = ask_judge(list(cases.values()), judge, judging_model(judge, teacher), store)
    verdicts = {key: given[case.id] for key, case in cases.items()}
    rows = [
        {"model": model, "id": id_, "turn": turn, "rating": verdict and verdict[0]}
        for (model, id_, turn), verdict in verdicts.items()
    ]
    scores = conversation_ratings(rows)
    for model in replies:
        if model not in scores:
            raise StillhouseError(
                f"The judge gave no verdict on any reply of the model {model!r}, so it has no "
                "rating. `stillhouse judge check` shows how a judge does on replies of known "
                "worth; choose another `judge`, or a larger model for it."
            )
    groups = {id_: example["group"] for id_, example in examples.items()}
    return rows, {model: _figures(model, rows, scores[model], groups) for model in replies}


def cases_of(model: str, id_: str, query: str, replies: Sequence[str]) -> list[Case]:
    """What the judge is asked about each reply: it, what it replies to, and what was said before.

    Before a single turn nothing was said but what a system's message says.
    """
    conversation = read_query(query)
    found = []
    for place, reply in enumerate(replies):
        *history, last = conversation.messages(replies[:place])
        values = {"query": last["content"], "answer": reply, "history": history}
        found.append(Case(f"{id_}, turn {place + 1} ({model})", values))
    return found


def conversation_ratings(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """By model the rating of each conversation: the mean over its turns that have one."""
    turns: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        if row["rating"] is not None:
            turns[row["model"], row["id"]].append(row["rating"])
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (model, id_), ratings in turns.items():
        found[model][id_] = fmean(ratings)
    return dict(found)


def _figures(
    model: str,
    rows: Sequence[Row],
    scores: Mapping[str, float],
    groups: Mapping[str, str | None],
) -> Metrics:
    """`rating` with its interval over the conversations that have one, which are `rows`; `rated`
    and `unrated` are numbers of turns.
    """
    counts = Counter(row["rating"] is None for row in rows if row["model"] == model)
    ids = sorted(scores)
    interval = score_interval([scores[id_] for id_ in ids], RATED.scale, [groups[i] for i in ids])
    return {
        "rows": len(ids),
        "rated": counts[False],
        "unrated": counts[True],
        **as_metrics(RATED.name, interval),
    }
