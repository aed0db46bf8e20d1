"""The stage's one function: completions from prompts, a teacher and the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc

from stillhouse.config.pinning import require_pinned
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import record
from stillhouse.core.progress import announce
from stillhouse.core.reasoning import is_closed_only, split_reasoning
from stillhouse.core.tables import COMPLETIONS, Row
from stillhouse.store.store import Store
from stillhouse.teacher_generate.asking import Run, ask
from stillhouse.teacher_generate.estimate import describe, has_price, money
from stillhouse.teacher_generate.plan import Plan, make_plan
from stillhouse.teacher_generate.registry import backend
from stillhouse.teacher_generate.spending import Ledger, Tokens

SHOWN_IDS = 5
SHOWN_REASONS = 10


@dataclass(frozen=True)
class Generated:
    """The completions table and its metrics, functions of prompts, teacher and store alone."""

    completions: pa.Table
    metrics: dict[str, float]


def generate(
    prompts: pa.Table,
    conf: TeacherConf,
    store: Store | None = None,
    ledger: Ledger | None = None,
    purpose: str | None = None,
) -> Generated:
    """One completion for each prompt and sample; the teacher is asked only what nobody asked yet.

    A stage that asks in several runs hands them one `ledger`, so that its budget holds for all, and
    says the `purpose` of each, for the run log.
    Raises StillhouseError when rows remain without a completion (more than `allow_failures`), when
    the budget is used up or the run is given up; every completion that arrived is kept for the next
    run.
    """
    with _store(conf, store) as kept:
        plan = make_plan(prompts, conf, kept)
        if not plan.missing:
            announce(describe(plan, conf, Tokens(), None))
            _log(plan, conf, Run(), purpose)
            return _generated(plan)
        run = ask(plan, conf, kept, ledger)
        _log(plan, conf, run, purpose)
        # Read back, so that the table is what the store holds, whoever asked it first.
        complete = replace(plan, found=kept.look_up(plan.keys, conf.decoding.max_tokens))
        _require_complete(complete, conf, run)
        return _generated(complete)


@contextmanager
def _store(conf: TeacherConf, store: Store | None) -> Iterator[Store]:
    if backend(conf.compute.backend).stored:
        require_pinned(conf.model.source)
        yield store or Store.default(on_damage=lambda message: announce(f"warning: {message}"))
        return
    with TemporaryDirectory(prefix="stillhouse-") as folder:
        yield Store(Path(folder))


def _generated(plan: Plan) -> Generated:
    places, each = range(len(plan.keys)), plan.decoding.samples
    rows = pa.array([place // each for place in places], pa.int64())
    samples = pa.array([place % each for place in places], pa.int32())
    columns = {"id": plan.prompts["id"].take(rows), "sample": samples}
    columns |= {name: plan.found[name] for name in plan.found.column_names}
    table = pa.table(columns).select(COMPLETIONS.schema.names)
    answered = pc.is_valid(table["text"])
    completions = without_reasoning(table.filter(answered).cast(COMPLETIONS.schema))
    first = pa.table({"asked": pa.array(plan.first_of_each(), pa.bool_())})
    requests = completions.filter(first.filter(answered)["asked"])
    return Generated(completions, teacher_metrics(requests, completions))


def without_reasoning(completions: pa.Table) -> pa.Table:
    """The table with the blocks of reasoning taken out of `text` into `reasoning`.

    The store keeps the raw text, so that a better rule for it costs no call. A completion that
    ended within its reasoning has no text, and is cut short, whatever its server says.
    """
    if not pc.any(pc.match_substring(completions["text"], "<")).as_py():
        return completions
    raw = completions.select(["text", "reasoning", "finish_reason"]).to_pylist()
    # Where completions close a block that they did not open, the chat template opens it: then a
    # completion that was cut before the closing tag has no tag at all, and is reasoning all
    # the same.
    opened = any(is_closed_only(row["text"]) for row in raw)
    rows = [_without_reasoning(row, opened=opened) for row in raw]
    for name in ("text", "reasoning", "finish_reason"):
        field = completions.schema.field(name)
        place = completions.schema.get_field_index(name)
        values = pa.array([row[name] for row in rows], field.type)
        completions = completions.set_column(place, field, values)
    return completions


def _without_reasoning(row: Row, *, opened: bool) -> Row:
    cut = row["finish_reason"] == "length"
    split = split_reasoning(row["text"], opened=opened and cut)
    reasoning = "\n\n".join(filter(None, [row["reasoning"], split.reasoning])) or None
    finish = "length" if split.unclosed else row["finish_reason"]
    return {"text": split.text, "reasoning": reasoning, "finish_reason": finish}


def teacher_metrics(requests: pa.Table, completions: pa.Table) -> dict[str, float]:
    """Rows, requests, tokens, mean length, and the share cut short; counts nobody gave are left
    out.

    `requests` is one of the completions for each request. Rows with equal prompts share one: its
    tokens count once, as they were paid for.
    """
    metrics: dict[str, float] = {"rows": completions.num_rows, "requests": requests.num_rows}
    for name in ("prompt_tokens", "completion_tokens"):
        if requests[name].null_count < requests.num_rows:
            metrics[name] = pc.sum(requests[name]).as_py()
    if "completion_tokens" in metrics:
        metrics["mean_completion_tokens"] = pc.mean(requests["completion_tokens"]).as_py()
    if completions.num_rows:
        reasons = completions["finish_reason"].to_pylist()
        metrics["cut_short"] = reasons.count("length") / completions.num_rows
        if "refusal" in reasons:
            metrics["refused"] = reasons.count("refusal") / completions.num_rows
    return metrics


def _log(plan: Plan, conf: TeacherConf, run: Run, purpose: str | None) -> None:
    try:
        record(
            "teacher",
            model=conf.model.name,
            purpose=purpose,
            backend=conf.compute.backend,
            answers=len(plan.keys),
            reused=plan.reused,
            asked=run.asked,
            failed=run.failed,
            retried=run.retried,
            elsewhere=run.elsewhere,
            left=run.left,
            lost=run.lost,
            given_up=run.error is not None,
            prompt_tokens=run.spent.prompt,
            completion_tokens=run.spent.completion,
            money=run.spent.money(conf.price),
            currency=conf.price.currency,
            seconds=round(run.seconds, 6),
            failures={reason: ids[:1000] for reason, ids in run.failures.items()},
        )
    except OSError as error:  # a full disk: what there is to say is said, and not lost with the log
        announce(f"warning: the run log could not be written: {error}")


def _require_complete(plan: Plan, conf: TeacherConf, run: Run) -> None:
    missing, total = plan.found["text"].null_count, len(plan.keys)
    if not missing:
        return
    spent = f", {money(run.spent.money(conf.price), conf.price)}" if has_price(conf.price) else ""
    kept = (
        f"{total - missing:,} of {total:,} completions are in the store, and none is asked twice "
        f"(this run: {run.asked:,} asked, {run.spent.total:,} tokens{spent})."
    )
    if run.error:
        raise StillhouseError(f"{run.error}\n{kept}{_gone(run)} Run `dvc repro` to go on.")
    unspent = Ledger(conf.price, conf.compute.budget)
    if run.unaffordable and not unspent.admits(run.unaffordable):
        raise StillhouseError(
            f"The budget of this run ({_budget(conf)}) is less than one request may cost, which is "
            f"up to {_price(run.unaffordable, conf)}. {kept} Raise `compute.budget` in the "
            "teacher's entry, or lower `decoding.max_tokens`."
        )
    if run.left:
        raise StillhouseError(
            f"The budget of this run ({_budget(conf)}) is used up: the next request might pass it. "
            f"{kept} Raise `compute.budget` in the teacher's entry, or run `dvc repro` to spend as "
            "much again on the rest."
        )
    if not run.failures or missing > conf.compute.allow_failures * total:
        raise StillhouseError(
            f"{missing:,} of {total:,} completions are missing:\n{_listed(run)}\n{kept} Run "
            "`dvc repro` to ask for the rest again, or let a share of rows fail with "
            "`compute.allow_failures`."
        )
    announce(
        f"warning: {missing:,} of {total:,} completions are missing, as allow_failures permits:\n"
        f"{_listed(run)}\n`dvc repro --force teacher_generate` asks for them again."
    )


def _gone(run: Run) -> str:
    """What was paid for, or may have been, and is in no store."""
    parts = [
        f" {run.lost:,} completions that came could not be written and are lost."
        if run.lost
        else "",
        f" {run.in_flight:,} requests were open and may have been billed." if run.in_flight else "",
    ]
    return "".join(parts)


def _price(most: Tokens, conf: TeacherConf) -> str:
    """Tokens as people read them, and what they cost where tokens cost anything."""
    said = (
        f"{most.total:,} tokens ({most.prompt:,} of the prompt, where nobody counts them one a "
        f"byte, and {most.completion:,} of the completion, `decoding.max_tokens`)"
    )
    return f"{money(most.money(conf.price), conf.price)}: {said}" if has_price(conf.price) else said


def _budget(conf: TeacherConf) -> str:
    budget = conf.compute.budget
    assert budget
    if budget.money is not None:
        return money(budget.money, conf.price)
    return f"{budget.tokens:,} tokens"


def _listed(run: Run) -> str:
    """Reasons by frequency, each with the first ids; the run log has all."""
    reasons = sorted(run.failures.items(), key=lambda item: (-len(item[1]), item[0]))
    lines = []
    for reason, ids in reasons[:SHOWN_REASONS]:
        more = f" and {len(ids) - SHOWN_IDS:,} more" if len(ids) > SHOWN_IDS else ""
        lines.append(f"  {len(ids):,} x {reason}: {', '.join(sorted(ids)[:SHOWN_IDS])}{more}")
    if len(reasons) > SHOWN_REASONS:
        lines.append(f"  ... and {len(reasons) - SHOWN_REASONS} other reasons")
    return "\n".join(lines)
