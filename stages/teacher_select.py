"""Choose the prompt and the decoding that the teacher is asked with, on validation rows alone.

Nothing is asked, and what the knobs name counts, with `search: none`. Run it with
`dvc repro teacher_select`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.search import SearchConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, EXEMPLARS
from stillhouse.core.yaml import read_yaml
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.teacher_generate.spending import Ledger
from stillhouse.teacher_select import measures
from stillhouse.teacher_select.asking import Asking
from stillhouse.teacher_select.search import search
from stillhouse.teacher_select.selected import selection


class TeacherSelectConfig(StageConfig):
    search: SearchConf
    dataset: DatasetConf
    teacher: TeacherConf


def main(stage: Stage[TeacherSelectConfig]) -> None:
    config, teacher = stage.config, stage.config.teacher
    if not config.search.prompts:
        stage.write_json(paths.SELECTED, {})
        stage.write_json(paths.SELECTED_METRICS, {"rows": 0})
        return
    entries = stage.input(paths.PROMPT_ENTRIES)
    prompts = {
        name: PromptConf.model_validate(read_yaml(entries / f"{name}.yaml"))
        for name in config.search.prompts
    }
    examples, exemplars = stage.rows(EXAMPLES), stage.rows(EXEMPLARS)
    ledger = Ledger(teacher.price, teacher.compute.budget)
    asking = Asking(config.dataset, teacher, prompts, examples, exemplars, ledger=ledger)
    found = search(config.search, asking)
    chosen = found.chosen.standing.candidate
    stage.write_json(paths.SELECTED, selection(chosen, prompts[chosen.prompt]))
    stage.write_json(paths.SELECTED_METRICS, measures.metrics(found, teacher.price))
    for line in measures.lines(found, teacher.price):
        print(line)


if __name__ == "__main__":
    run_stage("teacher_select", main, TeacherSelectConfig)
