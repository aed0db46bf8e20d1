"""Turn every query into a vector, where exemplars are chosen by them.

Run it with `dvc repro embed`.
"""

from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.knobs import Exemplars
from stillhouse.core import paths
from stillhouse.core.tables import EMBEDDINGS, EXAMPLES
from stillhouse.embed.embed import embeddings_for
from stillhouse.stage import Stage, StageConfig, run_stage


class EmbedConfig(StageConfig):
    exemplars: Exemplars
    embedder: EmbedderConf


def main(stage: Stage[EmbedConfig]) -> None:
    config = stage.config
    examples = stage.rows(EXAMPLES)
    embeddings, metrics = embeddings_for(config.exemplars, config.embedder, examples)
    stage.write(EMBEDDINGS, embeddings)
    stage.write_json(paths.EMBED_METRICS, metrics)


if __name__ == "__main__":
    run_stage("embed", main, EmbedConfig)
