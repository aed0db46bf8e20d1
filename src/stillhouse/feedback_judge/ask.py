"""Asking a judge: its calls go through the completion store like a teacher's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhouse.config.judge import JudgeConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.messages import messages_from
from stillhouse.core.tables import PROMPTS
from stillhouse.feedback_judge.verdict import Verdict, read_verdict
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.spending import Ledger


@dataclass(frozen=True)
class Case:
    """One thing to be judged; `values` are what the judge's templates see."""

    id: str
    values: Mapping[str, Any]


def ask_judge(
    cases: Sequence[Case],
    judge: JudgeConf,
    model: TeacherConf,
    store: Store | None = None,
    ledger: Ledger | None = None,
) -> dict[str, Verdict | None]:
    """The verdict on each case, by id; None where its completion holds none, or is missing.

    `model` is `config.judge.judging_model`. Equal cases are asked once.
    """
    if not cases:
        return {}
    completions = generate(
        judge_prompts(cases, judge), model, store, ledger
    ).completions.to_pylist()
    read = {
        row["id"]: read_verdict(row["text"], row["finish_reason"], judge) for row in completions
    }
    return {case.id: read.get(case.id) for case in cases}


def judge_prompts(cases: Sequence[Case], judge: JudgeConf) -> pa.Table:
    """What a judge reads: a table like that of the teacher's prompts."""
    prompts = [
        {
            "id": case.id,
            "messages": messages_from(judge.system, judge.prompt, case.values, f"judge, {case.id}"),
        }
        for case in cases
    ]
    return pa.Table.from_pylist(prompts, PROMPTS.schema)
