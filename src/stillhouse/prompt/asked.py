"""How a student is asked with a prompt: the parts that it needs, and what they need to know."""

from typing import Any

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.core.templates import names_used


def asked_of_student(prompt: PromptConf, dataset: DatasetConf) -> dict[str, Any]:
    """The content of data/asked.json, empty where the prompt cannot ask a student.

    It holds nothing that its templates do not show, so that no student is trained again for a
    value that it never sees.
    """
    parts = prompt.tasks.get(dataset.task)
    if parts is None or not parts.student:
        return {}
    shown = names_used(parts.student) | names_used(parts.query) | names_used(parts.label)
    answer = dataset.answer
    chat = {"chat": True} if dataset.is_chat else {}
    values = {"task": dataset.task, "metric": answer.metric, "marker": answer.markers[0]}
    return chat | {
        "system": parts.student,
        "query": parts.query,
        "target": parts.label,
        "values": {name: value for name, value in values.items() if name in shown},
        "choices": list(dataset.fields.fixed_choices) if "choices" in shown else [],
    }
