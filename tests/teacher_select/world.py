"""Rows, prompts and a teacher whose replies a test decides by prompt, row and decoding."""

from collections.abc import Callable
from typing import Any

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.search import SearchConf
from stillhouse.config.teacher import Decoding, TeacherConf
from stillhouse.core.messages import as_text
from stillhouse.core.sampling import digest
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.protocol import Request
from stillhouse.teacher_generate.spending import Ledger
from stillhouse.teacher_select.asking import Asking
from stillhouse.teacher_select.measures import outcome
from stillhouse.teacher_select.search import Searched
from tests.config.project import ENTRIES
from tests.teacher_generate import helpers
from tests.teacher_generate.scripts import Puppet

Says = Callable[[str, int, Decoding], str]
"""The reply by the prompt's name, the row's number and the decoding."""
NAMES = ("ant", "bee", "cat", "dog")


def example(split: str, number: int, **changes: Any) -> dict[str, Any]:
    values = {"query": f"row {number} of {split}", "label": "7", "choices": []}
    rest = {"gold_rationale": None, "group": None, "meta": None}
    return {"id": f"{split}-{number:04}", "split": split} | values | rest | changes


def examples(validation: int) -> list[dict[str, Any]]:
    """So many validation rows, among train and test rows."""
    rows = [example("validation", number) for number in range(validation)]
    return rows + [example(split, number) for split in ("train", "test") for number in range(5)]


def prompt(name: str, **changes: Any) -> PromptConf:
    tasks = {"math": {"query": f"{name}: {{{{ query }}}}"}}
    values = {"description": name, "layout": "text", "reply": "label", "tasks": tasks}
    return PromptConf.model_validate(values | changes)


def conf(*prompts: str, **changes: Any) -> SearchConf:
    return SearchConf.model_validate({"description": "tried", "prompts": prompts} | changes)


class Teacher(Puppet):
    """Says what it is told to, a word a token; `shown` is all that it was asked, in order."""

    def __init__(self, says: Says) -> None:
        super().__init__(self._reply)
        self.says = says
        self.shown: list[str] = []

    def open_teacher(self, conf: TeacherConf) -> "Teacher":
        self.decoding = conf.decoding
        super().open_teacher(conf)
        return self

    def _reply(self, request: Request) -> Completion:
        shown = as_text(request.messages)
        self.shown.append(shown)
        name, _, row = shown.partition(": row ")
        words = self.says(name, int(row.split()[0]), self.decoding).split()
        limit = self.decoding.max_tokens
        text, cut = " ".join(words[:limit]), len(words) > limit
        return Completion(text, "length" if cut else "stop", 10, min(limit, len(words)))


def asking(
    tmp_path, rows: int, *, prompts: dict[str, PromptConf] | None = None, **teacher: Any
) -> Asking:
    """Ready to ask about so many validation rows, with a store of its own."""
    dataset = ENTRIES["dataset/own"] | {"task": "math", "answer": {"metric": "number"}}
    entry = helpers.teacher(**teacher)
    return Asking(
        DatasetConf.model_validate(dataset),
        entry,
        prompts or {name: prompt(name) for name in NAMES},
        examples(rows),
        [],
        store=helpers.store(tmp_path),
        ledger=Ledger(entry.price, entry.compute.budget),
    )


def right(name: str, share: float, row: int) -> bool:
    """Whether a prompt has a row right: in about so large a share, apart from other prompts."""
    return digest(name, row) % 1000 < 1000 * share


def says(words: dict[str, int] | None = None, /, **shares: float) -> Says:
    """Each prompt has such a share of the rows right, in so many words (2 unless told)."""

    def reply(name: str, row: int, _decoding: Decoding) -> str:
        label = "7" if right(name, shares[name], row) else "8"
        return " ".join(["well,"] * ((words or {}).get(name, 2) - 2) + [f"Answer: {label}"])

    return reply


def outcomes(found: Searched) -> dict[str, str]:
    return {each.standing.candidate.name: outcome(each, found) for each in found.every}


def chosen(found: Searched) -> str:
    return found.chosen.standing.candidate.name
