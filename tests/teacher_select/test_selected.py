"""What was chosen takes the place of what the knobs name, for every stage that reads it."""

import json

import pytest

from stillhouse.config.prompt import PromptConf
from stillhouse.config.search import Candidate
from stillhouse.config.whole import load_entry, names
from stillhouse.core.files import json_bytes
from stillhouse.teacher_select.selected import selection, with_selected
from tests.conftest import REPOSITORY
from tests.pipeline import scripts
from tests.teacher_generate.helpers import teacher
from tests.teacher_select.world import prompt

READ = ("prompt", "teacher_generate", "parse", "augment", "card", "report")
"""The stages that read a prompt, or how the teacher decodes to ask it or to say so."""


def chosen(conf, changes):
    decoding = teacher().decoding.model_copy(update=changes)
    return json.loads(json_bytes(selection(Candidate("bee", changes, decoding), conf)))


@pytest.mark.parametrize("name", names("prompt", REPOSITORY))
def test_every_prompt_comes_back_as_its_entry_has_it(name):
    conf = load_entry(PromptConf, name, REPOSITORY)
    config = scripts.config("prompt").model_construct(prompt=prompt("ant"))
    assert with_selected(config, chosen(conf, {})).prompt == conf


@pytest.mark.parametrize("stage", READ)
def test_a_stage_has_the_chosen_prompt_and_decoding(stage):
    fields = scripts.config(stage).model_fields
    given = {"prompt": prompt("ant"), "teacher": teacher(decoding={"stop": ["x"]})}
    given = {name: value for name, value in given.items() if name in fields}
    config = scripts.config(stage).model_construct(**given)
    if "recipe" in fields:
        recipe = fields["recipe"].annotation.model_construct(prompt="ant", k=4)
        config = config.model_copy(update={"recipe": recipe})
    found = with_selected(config, chosen(prompt("bee"), {"temperature": 0.5, "max_tokens": 9}))
    if "prompt" in fields:
        assert found.prompt == prompt("bee")
    if "teacher" in fields:
        decoding = found.teacher.decoding
        assert (decoding.temperature, decoding.max_tokens) == (0.5, 9)
        assert decoding.stop == ("x",)  # what the search does not set is the teacher's own
        assert found.teacher.model == config.teacher.model
    if "recipe" in fields:
        assert (found.recipe.prompt, found.recipe.k) == ("bee", 4)
    assert with_selected(config, {}) is config


def test_every_stage_that_reads_a_prompt_depends_on_what_was_chosen():
    from stillhouse.config.pipeline import stages

    for name, declared in stages(REPOSITORY).items():
        if "prompt" in declared.entries:
            assert "data/selected.json" in declared.deps, name
            assert name in READ
