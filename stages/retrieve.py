"""Choose each row's exemplars among the training rows.

Run it with `dvc repro retrieve`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.knobs import Exemplars
from stillhouse.core import paths
from stillhouse.core.tables import EMBEDDINGS, EXAMPLES, EXEMPLARS
from stillhouse.retrieve.choose import choose_exemplars
from stillhouse.stage import Stage, StageConfig, run_stage


class RetrieveConfig(StageConfig):
    exemplars: Exemplars
    k: int
    exemplar_seed: int
    dataset: DatasetConf


def main(stage: Stage[RetrieveConfig]) -> None:
    config = stage.config
    exemplars, metrics = choose_exemplars(
        stage.rows(EXAMPLES),
        stage.table(EMBEDDINGS),
        exemplars=config.exemplars,
        k=config.k,
        seed=config.exemplar_seed,
        exclude_same_group=config.dataset.exclude_same_group,
    )
    stage.write(EXEMPLARS, exemplars)
    stage.write_json(paths.RETRIEVE_METRICS, metrics)


if __name__ == "__main__":
    run_stage("retrieve", main, RetrieveConfig)
