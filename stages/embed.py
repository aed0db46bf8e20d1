"""Turn every query into a vector.

Reads data/examples.parquet. Writes data/embeddings.parquet.
Params: embedder. Run it with `dvc repro embed`.
"""

from typing import ClassVar

from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.load import Entry, StageConfig
from stillhouse.core import paths, tables
from stillhouse.core.stage import run_stage
from stillhouse.embedding.embed import embed_queries


class EmbedConfig(StageConfig):
    ENTRIES: ClassVar = {
        "embedder": Entry(
            ("kind", "source", "max_tokens", "normalise"),
            untracked=("mirror", "trust_remote_code", "compute"),
        )
    }

    embedder: EmbedderConf


def main() -> None:
    config = EmbedConfig.load()
    examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
    embeddings = embed_queries(config.embedder, examples)
    tables.write_table(paths.EMBEDDINGS, tables.EMBEDDINGS, embeddings)


if __name__ == "__main__":
    run_stage("embed", main)
