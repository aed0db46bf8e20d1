"""What a run is going to cost, said before the first call."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from stillhouse.config.teacher import Price, TeacherConf
from stillhouse.teacher_generate.plan import Plan
from stillhouse.teacher_generate.registry import backend
from stillhouse.teacher_generate.spending import MESSAGE_TOKENS, Tokens

BYTES_PER_TOKEN = 4
"""Of English text, roughly; only for the estimate."""
SHORTEST_SECONDS = 1e-6
"""No run is shorter than the digits that the log keeps."""


def expected_tokens(plan: Plan, conf: TeacherConf, prompt_tokens: Sequence[int] | None) -> Tokens:
    """The tokens that asking will probably take, judged by the completions at hand."""
    asked = len(plan.missing)
    prompt = sum(prompt_tokens) if prompt_tokens is not None else _prompt_guess(plan)
    mean = pc.mean(plan.found["completion_tokens"]).as_py()
    each = conf.decoding.max_tokens if mean is None else min(mean, conf.decoding.max_tokens)
    return Tokens(prompt, round(asked * each))


def _prompt_guess(plan: Plan) -> int:
    contents = [
        pc.struct_field(pc.list_flatten(batch["messages"]), "content")
        for batch in plan.prompts.to_batches()
    ]
    size = sum(pc.sum(pc.binary_length(content)).as_py() or 0 for content in contents)
    messages = sum(map(len, contents))
    tokens = size / BYTES_PER_TOKEN + messages * MESSAGE_TOKENS / 2
    return round(tokens * len(plan.missing) / max(1, plan.prompts.num_rows))


def expected_seconds(
    asked: int, conf: TeacherConf, runs: Iterable[Mapping[str, Any]]
) -> float | None:
    """How long asking will take at the speed of this teacher's last run; None without one.

    Runs that failed say nothing about the speed: refusals come fast, and time-outs slowly.
    """
    speeds = [
        (run["asked"] - run["failed"]) / max(run["seconds"], SHORTEST_SECONDS)
        for run in runs
        if run.get("model") == conf.model.name
        and run.get("backend") == conf.compute.backend
        and run.get("asked", 0) > 2 * run.get("failed", 0)
        and not run.get("given_up")
    ]
    return asked / speeds[-1] if speeds else None


def describe(plan: Plan, conf: TeacherConf, expected: Tokens, seconds: float | None) -> str:
    """One line: completions to ask and reused, tokens, money, time."""
    asked = len(plan.missing)
    reused, total = plan.reused, len(plan.keys)
    if not backend(conf.compute.backend).stored:
        return f"{conf.model.name}: {total:,} recorded completions are read; nobody is asked."
    head = f"{conf.model.name}: {reused:,} of {total:,} completions are in the store"
    if not asked:
        return f"{head}; nothing to ask."
    repeats = total - reused - asked
    most = Tokens(expected.prompt, asked * conf.decoding.max_tokens)
    parts = [
        f"{asked:,} to ask" + (f" ({repeats:,} more are the same prompts)" if repeats else ""),
        f"about {expected.prompt:,} prompt and {expected.completion:,} completion tokens "
        f"(at most {most.completion:,})",
    ]
    if has_price(conf.price):
        parts.append(
            f"about {money(expected.money(conf.price), conf.price)} "
            f"(at most {money(most.money(conf.price), conf.price)})"
        )
    if seconds is not None:
        parts.append(f"about {duration(seconds)} at the speed of the last run")
    return f"{head}; {'; '.join(parts)}."


def has_price(price: Price) -> bool:
    """Whether tokens cost anything."""
    return bool(price.prompt or price.completion)


def money(amount: float, price: Price) -> str:
    """An amount as people read it; small ones keep their digits."""
    return f"{amount:,.2f} {price.currency}" if amount >= 1 else f"{amount:.4f} {price.currency}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
