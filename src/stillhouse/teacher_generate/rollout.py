"""Conversations: every turn is asked on the model's own earlier replies, through the store.

Round n asks turn n of all conversations that still have one. A run that was killed goes on where it
was: the rounds that are complete come from the store, and nothing is asked twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhouse.config.prompt import Reply
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.conversation import Conversation, canonical, of_turns
from stillhouse.core.progress import announce
from stillhouse.core.tables import COMPLETIONS, PROMPTS, Row
from stillhouse.kinds.markup import before_end_token
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import Generated, generate, without_reasoning
from stillhouse.teacher_generate.plan import make_plan
from stillhouse.teacher_generate.spending import Ledger


@dataclass
class Rollout:
    """A conversation under way."""

    asked: Conversation
    completions: list[Mapping[str, Any]] = field(default_factory=list)
    """Of each turn so far."""
    ended: bool = False
    """Whether no turn is left, or a completion does not count."""

    @property
    def replies(self) -> list[str]:
        """What the model said so far, without what belongs to no reply."""
        return [before_end_token(row["text"]).strip() for row in self.completions]

    def take(self, completion: Mapping[str, Any], reply: Reply) -> None:
        """Go on by one turn; one that is empty, refused or cut short ends the conversation."""
        self.completions.append(completion)
        reason = completion["finish_reason"]
        counts = reason == "stop" or (reason == "length" and not reply.require_stop)
        done = len(self.completions) == len(self.asked.turns)
        self.ended = done or not counts or not self.replies[-1]

    def row(self, id_: str) -> Row:
        """Its row of table `completions`: the replies as one text, the tokens of all turns."""
        reasons = [row["finish_reason"] for row in self.completions]
        others = [reason for reason in reasons if reason != "stop"]
        reasoning = [row["reasoning"] for row in self.completions if row["reasoning"]]
        return {
            "id": id_,
            "sample": 0,
            "text": canonical(self.replies),
            "reasoning": "\n\n".join(reasoning) or None,
            "finish_reason": others[-1] if others else "stop",
            "prompt_tokens": self._sum("prompt_tokens"),
            "completion_tokens": self._sum("completion_tokens"),
        }

    def _sum(self, name: str) -> int | None:
        counts = [row[name] for row in self.completions]
        return None if None in counts else sum(counts)


def converse(
    prompts: pa.Table, conf: TeacherConf, reply: Reply, store: Store | None = None
) -> Generated:
    """One completion for each conversation: the teacher's replies to its turns, as a JSON list.

    `prompts` are the messages without replies (`prompt.render`). A completion that is empty,
    refused or, with `reply.require_stop`, cut short ends its conversation, and the list.
    Raises StillhouseError as `generate` does; all rounds together keep to one budget.
    """
    ledger = Ledger(conf.price, conf.compute.budget)
    rollouts = {row["id"]: Rollout(of_turns(row["messages"])) for row in prompts.to_pylist()}
    most = max((len(each.asked.turns) for each in rollouts.values()), default=0)
    rounds: list[Generated] = []
    while waiting := {id_: each for id_, each in rollouts.items() if not each.ended}:
        if most > 1:
            chats = f"{len(waiting):,} conversation{'s' if len(waiting) > 1 else ''}"
            announce(f"Turn {len(rounds) + 1} of at most {most}, {chats}:")
        rounds.append(generate(next_turns(waiting), conf, store, ledger, purpose="teacher"))
        for completion in rounds[-1].completions.to_pylist():
            waiting.pop(completion["id"]).take(completion, reply)
        for id_ in waiting:  # nobody answered, as `allow_failures` permits
            del rollouts[id_]
    rows = [each.row(id_) for id_, each in rollouts.items()]
    metrics = _metrics([each.metrics for each in rounds]) | {"rows": len(rows)}
    return Generated(pa.Table.from_pylist(rows, COMPLETIONS.schema), metrics)


def so_far(prompts: pa.Table, conf: TeacherConf, reply: Reply, store: Store) -> list[Rollout]:
    """Each conversation as far as the store has it; nobody is asked."""
    rollouts = {row["id"]: Rollout(of_turns(row["messages"])) for row in prompts.to_pylist()}
    waiting = rollouts
    while waiting:
        found = make_plan(next_turns(waiting), conf, store).found
        known = pc.is_valid(found["text"]).to_pylist()
        answered = [id_ for id_, there in zip(waiting, known, strict=True) if there]
        completions = without_reasoning(found.filter(pa.array(known, pa.bool_())))
        for id_, completion in zip(answered, completions.to_pylist(), strict=True):
            waiting[id_].take(completion, reply)
        waiting = {id_: waiting[id_] for id_ in answered if not waiting[id_].ended}
    return list(rollouts.values())


def next_turns(rollouts: Mapping[str, Rollout]) -> pa.Table:
    """The prompts of the next turn of each conversation."""
    rows = [
        {"id": id_, "messages": each.asked.messages(each.replies)} for id_, each in rollouts.items()
    ]
    return pa.Table.from_pylist(rows, PROMPTS.schema)


def _metrics(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What the rounds took together, and the shares over all turns."""
    names = ("requests", "prompt_tokens", "completion_tokens")
    metrics: dict[str, float] = {"turns": sum(each["rows"] for each in rounds)}
    metrics |= {
        name: sum(each[name] for each in rounds)
        for name in names
        if all(name in each for each in rounds)
    }
    if "completion_tokens" in metrics and metrics["requests"]:
        metrics["mean_completion_tokens"] = metrics["completion_tokens"] / metrics["requests"]
    for name in ("cut_short", "refused"):
        counts = [each.get(name, 0) * each["rows"] for each in rounds]
        if any(name in each for each in rounds):
            metrics[name] = sum(counts) / max(1, metrics["turns"])
    return metrics
