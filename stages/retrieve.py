"""Choose each row's exemplars among the training rows.

Reads data/{examples,embeddings}.parquet. Writes data/exemplars.parquet, metrics/retrieve.json.
Params: exemplars, k, exemplar_seed, dataset. Run it with `dvc repro retrieve`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.knobs import Exemplars
from stillhouse.config.load import Entry, StageConfig
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.retrieve.choose import choose_exemplars


class RetrieveConfig(StageConfig):
    ENTRIES = {"dataset": Entry(("exclude_same_group",))}
    exemplars: Exemplars
    k: int
    exemplar_seed: int
    dataset: DatasetConf


def main() -> None:
    config = RetrieveConfig.load()
    exemplars, metrics = choose_exemplars(
        tables.read_rows(paths.EXAMPLES, tables.EXAMPLES),
        tables.read_table(paths.EMBEDDINGS, tables.EMBEDDINGS),
        exemplars=config.exemplars,
        k=config.k,
        seed=config.exemplar_seed,
        exclude_same_group=config.dataset.exclude_same_group,
    )
    tables.write_table(paths.EXEMPLARS, tables.EXEMPLARS, exemplars)
    write_json(paths.RETRIEVE_METRICS, metrics)


if __name__ == "__main__":
    run_stage("retrieve", main)
