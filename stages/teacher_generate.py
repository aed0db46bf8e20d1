"""Ask the teacher, once for each prompt that has no completion yet.

Completions that were paid for before come from the store, and new ones go there as they come.
Run it with `dvc repro teacher_generate`.
"""

from stillhouse.config.dataset import CHAT, DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.tables import COMPLETIONS, PROMPTS
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.rollout import converse
from stillhouse.teacher_generate.structured import enforced
from stillhouse.teacher_select.selected import with_selected


class TeacherGenerateConfig(StageConfig):
    teacher: TeacherConf
    prompt: PromptConf
    dataset: DatasetConf


def main(stage: Stage[TeacherGenerateConfig]) -> None:
    config = with_selected(stage.config, stage.json(paths.SELECTED))
    task, prompts = config.dataset.task, stage.table(PROMPTS)
    reply = config.prompt.reply.of(task)
    teacher = enforced(config.teacher, reply)
    if task == CHAT:
        generated = converse(prompts, teacher, reply)
    else:
        generated = generate(prompts, teacher, purpose="teacher")
    stage.write(COMPLETIONS, generated.completions)
    stage.write_json(paths.TEACHER_METRICS, generated.metrics)


if __name__ == "__main__":
    run_stage("teacher_generate", main, TeacherGenerateConfig)
