"""`conf/embedder/*.yaml`: what turns a query into a vector."""

from typing import Annotated, Literal

from pydantic import Field

from stillhouse.config.base import Conf


class EmbedderCompute(Conf):
    """What only changes how the vectors are computed."""

    batch_size: Annotated[int, Field(ge=1)] = 64
    device: str = "auto"


class EmbedderConf(Conf):
    """One embedder."""

    description: str
    kind: Literal["sentence_transformers", "mean_pooling"]
    source: str
    mirror: str | None = None
    max_tokens: Annotated[int, Field(ge=1)]
    normalise: bool
    compute: EmbedderCompute = EmbedderCompute()
