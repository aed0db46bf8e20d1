"""Render the teacher's prompts.

Reads data/examples.parquet, data/exemplars.parquet. Writes data/prompts.parquet.
Params: prompt, dataset. Run it with `dvc repro prompt`.
"""

from typing import ClassVar

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.prompt import PromptConf
from stillhouse.core import paths, tables
from stillhouse.core.stage import run_stage
from stillhouse.prompt.render import render_prompts


class PromptingConfig(StageConfig):
    ENTRIES: ClassVar = {
        "prompt": Entry(tuple(PromptConf.model_fields)),  # every key may change the text
        "dataset": Entry(("task", "answer")),
    }

    prompt: PromptConf
    dataset: DatasetConf


def main() -> None:
    config = PromptingConfig.load()
    prompts = render_prompts(
        config.prompt,
        config.dataset.task,
        config.dataset.answer,
        tables.read_rows(paths.EXAMPLES, tables.EXAMPLES),
        tables.read_rows(paths.EXEMPLARS, tables.EXEMPLARS),
    )
    tables.write_rows(paths.PROMPTS, tables.PROMPTS, prompts)


if __name__ == "__main__":
    run_stage("prompt", main)
