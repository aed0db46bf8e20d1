"""What was chosen, in place of what the knobs name.

data/selected.json is empty where nothing was searched; else it holds the chosen prompt's name, its
content, and the decoding options that the search sets.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from stillhouse.config.prompt import PromptConf
from stillhouse.config.search import Candidate
from stillhouse.config.teacher import TeacherConf
from stillhouse.stage import StageConfig

C = TypeVar("C", bound=StageConfig)
Selected = Mapping[str, Any]


def selection(candidate: Candidate, prompt: PromptConf) -> Selected:
    """The content of data/selected.json."""
    # Defaults are left out: what is not said in an entry may have rules of its own.
    content = prompt.model_dump(mode="json", exclude_defaults=True)
    return {"prompt": candidate.prompt, "content": content, "decoding": dict(candidate.changes)}


def selected_prompt(prompt: PromptConf, selected: Selected) -> PromptConf:
    """The chosen prompt; `prompt`, the knob's, where nothing was searched."""
    return PromptConf.model_validate(selected["content"]) if selected else prompt


def selected_teacher(teacher: TeacherConf, selected: Selected) -> TeacherConf:
    """The teacher with the chosen decoding."""
    decoding = teacher.decoding.model_copy(update=dict(selected.get("decoding", {})))
    return teacher.model_copy(update={"decoding": decoding})


def with_selected(config: C, selected: Selected) -> C:
    """What a stage reads, with the chosen prompt and decoding where it reads prompt and teacher."""
    if not selected:
        return config
    has = type(config).model_fields.keys()
    changes: dict[str, Any] = {}
    if "prompt" in has:
        changes["prompt"] = selected_prompt(config.prompt, selected)
    if "teacher" in has:
        changes["teacher"] = selected_teacher(config.teacher, selected)
    if "recipe" in has:
        recipe = config.recipe
        changes["recipe"] = recipe.model_copy(update={"prompt": selected["prompt"]})
    return config.model_copy(update=changes)
