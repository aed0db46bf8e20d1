"""`conf/embedder/*.yaml`: what turns a query into a vector."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stillhouse.config.base import Conf, Mirror, Source, Text

MOST_TOKENS = 1_000_000


class EmbedderCompute(Conf):
    """What only changes how the vectors are computed.

    There is no batch size: batches have fixed shapes, since another shape changes the last bits.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"


class EmbedderConf(Conf):
    """One embedder."""

    UNTRACKED: ClassVar = frozenset({"mirror", "trust_remote_code", "compute"})

    description: Text
    kind: Literal["sentence_transformers", "mean_pooling"]
    """`sentence_transformers`: a folder in that library's layout, with its own pooling.
    `mean_pooling`: any encoder; the mean of the last hidden state over the query's tokens."""
    source: Source
    mirror: Mirror | None = None
    trust_remote_code: bool = False
    """Whether code of the source's own may run, where the library has none for the model."""
    max_tokens: Annotated[int, Field(ge=4, le=MOST_TOKENS)]
    """Tokens of a query that are read, special ones included; the rest is cut off."""
    normalise: bool
    """Scale every vector to length one, so that Euclidean order is the order of the cosine."""
    compute: EmbedderCompute = EmbedderCompute()
