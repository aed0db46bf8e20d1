"""Render the teacher's prompts, and write down how a student is asked with the same one.

Run it with `dvc repro prompt`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, EXEMPLARS, PROMPTS
from stillhouse.prompt.asked import asked_of_student
from stillhouse.prompt.render import render_prompts
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.teacher_select.selected import with_selected


class PromptingConfig(StageConfig):
    prompt: PromptConf
    dataset: DatasetConf


def main(stage: Stage[PromptingConfig]) -> None:
    config = with_selected(stage.config, stage.json(paths.SELECTED))
    prompt, dataset = config.prompt, config.dataset
    examples, exemplars = stage.rows(EXAMPLES), stage.rows(EXEMPLARS)
    prompts = render_prompts(prompt, dataset.task, dataset.answer, examples, exemplars)
    stage.write(PROMPTS, prompts)
    stage.write_json(paths.ASKED, asked_of_student(prompt, dataset))


if __name__ == "__main__":
    run_stage("prompt", main, PromptingConfig)
