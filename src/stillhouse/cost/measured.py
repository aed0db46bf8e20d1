"""Tokens of requests that were not sent yet, judged by what is on file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.tables import COMPLETIONS
from stillhouse.core.yaml import parse_yaml, read_yaml
from stillhouse.teacher_generate.estimate import BYTES_PER_TOKEN
from stillhouse.teacher_generate.plan import Plan
from stillhouse.teacher_generate.spending import MESSAGE_TOKENS

LOCK = Path("dvc.lock")
STAGE = "teacher_generate"
FREE = ("max_tokens", "samples", "seed")
"""Of `decoding`: what does not change how long a completion tends to be."""


@dataclass(frozen=True)
class Rate:
    """The mean of a number of tokens, and where it is from, in words; None where nobody knows."""

    mean: float | None
    source: str


UNKNOWN = Rate(None, "nothing is known of their length yet")


def prompt_sizes(prompts: pa.Table) -> list[tuple[int, int]]:
    """The bytes and the messages of each prompt."""
    found = []
    for batch in prompts.to_batches():
        contents = pc.struct_field(pc.list_flatten(batch["messages"]), "content")
        sizes = iter(pc.binary_length(contents).to_pylist())
        for messages in pc.list_value_length(batch["messages"]).to_pylist():
            found.append((sum(next(sizes) or 0 for _ in range(messages or 0)), messages or 0))
    return found


def guessed_tokens(size: int, messages: int) -> float:
    """The tokens of a prompt as the estimate before a run has them where nobody counts."""
    return size / BYTES_PER_TOKEN + messages * MESSAGE_TOKENS / 2


def prompt_tokens(plan: Plan) -> Rate:
    """The mean tokens of the prompts that are missing: at the measured size of a token where the
    store has completions of others.
    """
    sizes, samples = prompt_sizes(plan.prompts), plan.decoding.samples
    counted = plan.found["prompt_tokens"].to_pylist()
    known = {place // samples: tokens for place, tokens in enumerate(counted) if tokens}
    missing = [sizes[place // samples] for place in plan.missing.values()]
    if not missing:
        return Rate(0.0, "nothing is asked")
    guess = sum(guessed_tokens(*size) for size in missing) / len(missing)
    if not known:
        return Rate(guess, f"at {BYTES_PER_TOKEN} bytes a token")
    ratio = sum(known.values()) / sum(guessed_tokens(*sizes[row]) for row in known)
    return Rate(guess * ratio, f"as {len(known):,} of these prompts that were counted")


def completion_tokens(plan: Plan, conf: TeacherConf, files: Mapping[Path, Any]) -> Rate:
    """The mean tokens of a completion: of these prompts' in the store, else of the last run's where
    teacher and form of the reply were the same. `files` are the entries of both, by path.
    """
    limit = conf.decoding.max_tokens
    lengths = [n for n in plan.found["completion_tokens"].to_pylist() if n is not None]
    if lengths:
        said = f"as {len(lengths):,} completions of these prompts"
        return Rate(min(limit, sum(lengths) / len(lengths)), said)
    if COMPLETIONS.path.exists() and _same_as_last(files):
        lengths = [n for n in COMPLETIONS.read()["completion_tokens"].to_pylist() if n is not None]
        if lengths:
            said = f"as the last run's {len(lengths):,} completions, of other prompts"
            return Rate(min(limit, sum(lengths) / len(lengths)), said)
    return UNKNOWN


def _same_as_last(files: Mapping[Path, Any]) -> bool:
    """Whether data/completions.parquet is of the same teacher, asked for the same form of reply."""
    if not LOCK.exists():
        return False
    stages = parse_yaml(LOCK.read_text(encoding="utf-8"), str(LOCK)).get("stages", {})
    recorded = stages.get(STAGE, {}).get("params", {})
    for path, keys in files.items():
        before, now = recorded.get(path.as_posix()), read_yaml(path)
        if before is None or any(_own(before.get(k)) != _own(now.get(k)) for k in keys):
            return False
    return True


def _own(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: inner for key, inner in value.items() if key not in FREE}
