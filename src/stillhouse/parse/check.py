"""Completions of one's own read as the stage `parse` would read them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import ConfigDict, ValidationError

from stillhouse.config.base import Conf
from stillhouse.config.dataset import Answer, Metric, Task
from stillhouse.config.mistakes import first_mistake
from stillhouse.config.prompt import Reply
from stillhouse.core.errors import StillhouseError
from stillhouse.core.text import printable
from stillhouse.parse.completion import Parsed, parse_completion
from stillhouse.parse.form import Form

_SHOWN = 72


class CompletionLine(Conf):
    """A line of the file; what it leaves out is as in a dataset's and a prompt's conf.

    Other keys are notes of whoever wrote the file.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: str
    choices: tuple[str, ...] = ()
    task: Task | None = None
    metric: Metric | None = None
    markers: tuple[str, ...] = Answer.model_fields["markers"].default
    cut: tuple[str, ...] = Answer.model_fields["cut"].default
    reply: Reply = Reply(content="rationale_then_label")
    finish_reason: str = "stop"
    expected: str | None = None
    expected_rationale: str | None = None

    def form(self) -> Form:
        """The form of this completion; without a metric it is `choice` where there are choices,
        and of a summary `summary`, which is the whole reply unless another is named.
        """
        if self.task == "summary":
            answer = Answer(metric=self.metric or "summary", markers=self.markers, cut=self.cut)
            asked = "reply" in self.model_fields_set
            return Form(self.reply if asked else Reply(content="label"), self.task, answer)
        metric = self.metric or ("choice" if self.choices else "exact")
        task = self.task or ("multiple_choice" if self.choices else "text")
        answer = Answer(metric=metric, markers=self.markers, cut=self.cut)
        return Form(self.reply, task, answer)


@dataclass(frozen=True)
class Check:
    """One completion, how it was read, and whether that is what was expected; None without that."""

    line: int
    completion: CompletionLine
    parsed: Parsed
    correct: bool | None


def read_completions(path: Path, stdin: TextIO) -> list[tuple[int, CompletionLine]]:
    """The lines of a file, or of standard input for `-`, with their numbers; blank ones are none.

    Raises StillhouseError that names the line.
    """
    try:
        source = stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StillhouseError(f"{path} cannot be read: {error}.") from error
    completions = []
    for number, line in enumerate(source.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            completions.append((number, CompletionLine.model_validate(json.loads(line))))
        except ValidationError as error:
            raise StillhouseError(f"{where}: {first_mistake(error)}.") from error
        except (ValueError, RecursionError) as error:
            raise StillhouseError(f"{where} is no JSON object: {error}.") from error
    return completions


def check_completions(completions: Iterable[tuple[int, CompletionLine]]) -> list[Check]:
    """Each completion read; `expected: null` is right when no label is read."""
    checks = []
    for line, asked in completions:
        form = asked.form()
        parsed = parse_completion(asked.text, asked.finish_reason, form, asked.choices)
        correct = []
        if "expected" in asked.model_fields_set:
            if asked.expected is None or parsed.label is None:
                correct.append(asked.expected == parsed.label)
            else:
                correct.append(form.kind(asked.choices).score(parsed.label, asked.expected) == 1)
        if "expected_rationale" in asked.model_fields_set:
            correct.append(asked.expected_rationale == parsed.rationale)
        checks.append(Check(line, asked, parsed, all(correct) if correct else None))
    return checks


def lines_of(checks: Sequence[Check], *, json_lines: bool) -> Iterator[str]:
    """An aligned line or two for each and a summary, or a JSON object a line and nothing else."""
    for check in checks:
        if json_lines:
            known = {} if check.correct is None else {"correct": check.correct}
            yield json.dumps(check.parsed._asdict() | known, ensure_ascii=False)
        else:
            yield _as_text(check)
    judged = [check.correct for check in checks if check.correct is not None]
    if judged and not json_lines:
        yield f"{sum(judged)} of {len(judged)} as expected"


def _as_text(check: Check) -> str:
    mark = {None: " ", True: "✓", False: "✗"}[check.correct]
    label = "-" if check.parsed.label is None else printable(check.parsed.label).replace("\n", " ")
    text = f"{mark} {check.line:>4}  {check.parsed.status:<9}  {label}"
    if check.correct is False:
        text += f"   expected {check.completion.expected or 'no label'}"
    if check.parsed.rationale:
        reason = printable(" ".join(check.parsed.rationale.split()))
        text += f"\n        {reason[:_SHOWN]}{'…' if len(reason) > _SHOWN else ''}"
    return text
