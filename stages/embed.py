"""Turn every query into a vector.

Reads data/examples.parquet. Writes data/embeddings.parquet, metrics/embed.json.
Params: exemplars, embedder. Run it with `dvc repro embed`.
"""

from typing import ClassVar

from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.knobs import Exemplars
from stillhouse.config.load import Entry, StageConfig
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.embed.embed import embeddings_for


class EmbedConfig(StageConfig):
    ENTRIES: ClassVar = {
        "embedder": Entry(
            ("kind", "source", "max_tokens", "normalise"),
            untracked=("mirror", "trust_remote_code", "compute"),
        )
    }

    exemplars: Exemplars
    embedder: EmbedderConf


def main() -> None:
    config = EmbedConfig.load()
    examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
    embeddings, metrics = embeddings_for(config.exemplars, config.embedder, examples)
    tables.write_table(paths.EMBEDDINGS, tables.EMBEDDINGS, embeddings)
    write_json(paths.EMBED_METRICS, metrics)


if __name__ == "__main__":
    run_stage("embed", main)
