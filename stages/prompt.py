"""Render the teacher's prompts.

Run it with `dvc repro prompt`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.core.tables import EXAMPLES, EXEMPLARS, PROMPTS
from stillhouse.prompt.render import render_prompts
from stillhouse.stage import Stage, StageConfig, run_stage


class PromptingConfig(StageConfig):
    prompt: PromptConf
    dataset: DatasetConf


def main(stage: Stage[PromptingConfig]) -> None:
    prompt, dataset = stage.config.prompt, stage.config.dataset
    examples, exemplars = stage.rows(EXAMPLES), stage.rows(EXEMPLARS)
    prompts = render_prompts(prompt, dataset.task, dataset.answer, examples, exemplars)
    stage.write(PROMPTS, prompts)


if __name__ == "__main__":
    run_stage("prompt", main, PromptingConfig)
