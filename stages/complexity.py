"""Ask a judge how complex each test question is, for the report alone.

Run it with `dvc repro complexity`.
"""

from typing import Any

from stillhouse.complexity.complexity import JUDGE, rate_complexity
from stillhouse.config.judge import JudgeConf, judging_model
from stillhouse.config.teacher import TeacherConf
from stillhouse.config.whole import load_entry
from stillhouse.core import paths
from stillhouse.core.tables import COMPLEXITY, EXAMPLES, Row
from stillhouse.stage import Stage, StageConfig, run_stage


class ComplexityConfig(StageConfig):
    complexity: bool
    teacher: TeacherConf


def main(stage: Stage[ComplexityConfig]) -> None:
    stage.input(paths.CONF / "judge")
    rows, metrics = list[Row](), dict[str, Any]()
    if stage.config.complexity:
        judge = load_entry(JudgeConf, JUDGE)
        model = judging_model(judge, stage.config.teacher)
        rows, metrics = rate_complexity(stage.rows(EXAMPLES), judge, model)
    stage.write(COMPLEXITY, rows)
    stage.write_json(paths.COMPLEXITY_METRICS, metrics)


if __name__ == "__main__":
    run_stage("complexity", main, ComplexityConfig)
