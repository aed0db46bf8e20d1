"""Asking a judge: its calls go through the completion store like a teacher's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhouse.config.judge import JudgeConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.tables import PROMPTS
from stillhouse.core.templates import render
from stillhouse.judging.verdict import Verdict, read_verdict
from stillhouse.teachers.generate import generate
from stillhouse.teachers.store.store import Store


@dataclass(frozen=True)
class Case:
    """One thing to be judged; `values` are what the judge's templates see."""

    id: str
    values: Mapping[str, Any]


def ask_judge(
    cases: Sequence[Case], judge: JudgeConf, model: TeacherConf, store: Store | None = None
) -> dict[str, Verdict | None]:
    """The verdict on each case, by id; None where the reply holds none, or there is no reply.

    `model` is `config.judge.judging_model`. Equal cases are asked once.
    """
    if not cases:
        return {}
    messages = [_messages(judge, case) for case in cases]
    prompts = pa.table({"id": [case.id for case in cases], "messages": messages}, PROMPTS.schema)
    completions = generate(prompts, model, store).completions.to_pylist()
    read = {
        row["id"]: read_verdict(row["text"], row["finish_reason"], judge) for row in completions
    }
    return {case.id: read.get(case.id) for case in cases}


def _messages(judge: JudgeConf, case: Case) -> list[dict[str, str]]:
    parts = (("system", judge.system), ("user", judge.prompt))
    texts = [(role, render(part, case.values, f"judge, {role}, {case.id}")) for role, part in parts]
    return [{"role": role, "content": text.strip("\n")} for role, text in texts if text.strip()]
