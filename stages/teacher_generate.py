"""Ask the teacher, once for each prompt that has no completion yet.

Reads data/prompts.parquet and the completion store. Writes data/completions.parquet,
metrics/teacher.json, and new completions to the store. Params: teacher, prompt.
Run it with `dvc repro teacher_generate`.
"""

from typing import ClassVar

from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.prompt import PromptConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.structured import enforced


class TeacherGenerateConfig(StageConfig):
    ENTRIES: ClassVar = {
        "teacher": Entry(("model", "format", "context", "decoding"), ("compute", "price")),
        "prompt": Entry(("reply",)),
    }

    teacher: TeacherConf
    prompt: PromptConf


def main() -> None:
    config = TeacherGenerateConfig.load()
    teacher = enforced(config.teacher, config.prompt.reply)
    generated = generate(tables.read_table(paths.PROMPTS, tables.PROMPTS), teacher)
    tables.write_table(paths.COMPLETIONS, tables.COMPLETIONS, generated.completions)
    write_json(paths.TEACHER_METRICS, generated.metrics)


if __name__ == "__main__":
    run_stage("teacher_generate", main)
