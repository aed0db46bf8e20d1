"""The prompts table: for each row asked about, the messages that the teacher reads.

What a template can show is decided by what it is given: labels of exemplars, which are training
rows or written by people, and the row's own label only where the reply is a rationale for it. A
name that was not given is an error, never an empty text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import CHAT, Answer, Task
from stillhouse.config.prompt import Parts, PromptConf
from stillhouse.core.conversation import read_query
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id
from stillhouse.core.tables import Row
from stillhouse.core.templates import render
from stillhouse.prompt.exemplars import exemplars_by_row
from stillhouse.prompt.layout import Exemplar, Layout, Message, Rendered


def render_prompts(
    conf: PromptConf,
    task: Task,
    answer: Answer,
    examples: Sequence[Mapping[str, Any]],
    exemplars: Iterable[Mapping[str, Any]],
) -> list[Row]:
    """A prompt for every row of the splits that `conf` asks about, exemplars in order of rank."""
    asked = [row for row in examples if row["split"] in conf.splits]
    if not asked:
        raise StillhouseError(
            f"The prompt asks about {' and '.join(conf.splits)} rows, and the dataset has none of "
            "them. Change `splits` in conf/prompt, or choose another prompt."
        )
    return render_rows(conf, task, answer, asked, examples=examples, exemplars=exemplars)


def render_rows(
    conf: PromptConf,
    task: Task,
    answer: Answer,
    asked: Sequence[Mapping[str, Any]],
    *,
    examples: Iterable[Mapping[str, Any]],
    exemplars: Iterable[Mapping[str, Any]],
) -> list[Row]:
    """A prompt for each of `asked` (id, query, choices, and label where the reply explains it).

    `exemplars` names rows of `examples`. The teacher is asked to write the first of the answer's
    markers before its answer. Of a conversation the messages are the system's and all the user's
    turns: each is asked on the replies to those before it (`teacher_generate.rollout`).
    """
    templates = _Templates(parts_for(conf, task), task, answer)
    if task == CHAT:
        return [{"id": row["id"], "messages": templates.turns(row)} for row in asked]
    known = by_id(examples, "examples")
    chosen = exemplars_by_row(asked, known.values(), exemplars) if templates.show_exemplars else {}
    used = sorted({id_ for ids in chosen.values() for id_ in ids})
    shown = {id_: templates.exemplar(known[id_]) for id_ in used}
    layout = Layout(conf.layout, conf.separator, conf.reply_separator)
    prompts = []
    for row in asked:
        above = [shown[id_] for id_ in chosen.get(row["id"], [])]
        parts = templates.row(row, above, with_label=conf.reply.content == "rationale")
        prompts.append({"id": row["id"], "messages": layout.messages(parts)})
    return prompts


def parts_for(conf: PromptConf, task: Task) -> Parts:
    """The parts for one kind of task; a clear error when the prompt has none."""
    if task not in conf.tasks:
        raise StillhouseError(
            f"The prompt has no parts for the dataset's task `{task}`; it serves "
            f"{', '.join(sorted(conf.tasks))}. Add `tasks.{task}` to its entry in conf/prompt, or "
            "choose another prompt."
        )
    return conf.tasks[task]


class _Templates:
    """The templates of one prompt for one kind of task, and what each of them is given."""

    def __init__(self, parts: Parts, task: Task, answer: Answer) -> None:
        self.parts = parts
        self.shared = {"task": task, "metric": answer.metric, "marker": answer.markers[0]}
        self.show_exemplars = bool(parts.exemplar_query)

    def exemplar(self, row: Mapping[str, Any]) -> Exemplar:
        values = {"query": row["query"], "label": row["label"]}
        if row["gold_rationale"]:
            values["rationale"] = row["gold_rationale"]
        return Exemplar(
            query=self._part("exemplar_query", row, values),
            reply=self._part("exemplar_reply", row, values),
        )

    def row(
        self, row: Mapping[str, Any], exemplars: Sequence[Exemplar], *, with_label: bool
    ) -> Rendered:
        values = {"query": row["query"]}
        if with_label:
            if row["label"] is None:
                raise StillhouseError(
                    f"Row {row['id']!r} has no label to ask a rationale for (the prompt's reply is "
                    "`rationale`). Give it one, or choose another prompt."
                )
            values["label"] = str(row["label"])
        return Rendered(
            system=self._part("system", row),
            preamble=self._part("preamble", row),
            exemplars=exemplars,
            request=self._part("request", row),
            query=self._part("query", row, values),
        )

    def turns(self, row: Mapping[str, Any]) -> list[Message]:
        """The messages of a conversation without replies."""
        system = self._part("system", row)
        asked = read_query(row["query"]).asked(
            system, lambda turn: self._part("query", row, {"query": turn})
        )
        opening = [{"role": "system", "content": asked.system}] if asked.system else []
        return [*opening, *({"role": "user", "content": turn} for turn in asked.turns)]

    def _part(self, field: str, row: Mapping[str, Any], values: Mapping[str, Any] = {}) -> str:
        where = f"prompt, tasks.{self.shared['task']}.{field}, row {row['id']!r}"
        given = {**self.shared, "choices": row["choices"], **values}
        return render(getattr(self.parts, field), given, where).strip("\n")
