"""Split the teacher's completions into rationale and label, never filling in gold.

Run it with `dvc repro parse`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.core import paths
from stillhouse.core.joins import by_id
from stillhouse.core.tables import COMPLETIONS, EXAMPLES, PARSED, TEACHER_LABELS
from stillhouse.parse.form import reply_form
from stillhouse.parse.parse import parse_completions
from stillhouse.parse.stand_ins import stand_ins
from stillhouse.parse.usable import require_usable
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.teacher_select.selected import with_selected


class ParseConfig(StageConfig):
    dataset: DatasetConf
    prompt: PromptConf


def main(stage: Stage[ParseConfig]) -> None:
    config = with_selected(stage.config, stage.json(paths.SELECTED))
    form = reply_form(config.prompt, config.dataset)
    examples, completions = stage.rows(EXAMPLES), stage.rows(COMPLETIONS)
    parsed, metrics = parse_completions(examples, completions, form)
    require_usable(parsed, completions, by_id(examples, "examples"), form.reply.minimum_usable)
    stage.write(PARSED, parsed)
    stage.write(TEACHER_LABELS, stand_ins(examples, parsed, form.task))
    stage.write_json(paths.PARSE_METRICS, metrics)


if __name__ == "__main__":
    run_stage("parse", main, ParseConfig)
