"""`conf/search/*.yaml`: which prompts and decodings of the teacher are tried on validation rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from stillhouse.config.base import Conf, Count, Share, Text
from stillhouse.config.teacher import Decoding, Temperature

MOST_CANDIDATES = 256


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("every value must occur once")
    return values


Once = AfterValidator(_once)


class DecodingGrid(Conf):
    """Values of decoding options, each with each; an option that is left out is the teacher's."""

    temperature: Annotated[tuple[Temperature, ...], Once] = ()
    top_p: Annotated[tuple[Share, ...], Once] = ()
    max_tokens: Annotated[tuple[Count, ...], Once] = ()


class Halving(Conf):
    """Successive halving (Jamieson and Talwalkar 2016): few rows for all, more for the better."""

    first_rows: Count
    """Validation rows that every candidate is asked about; each round has 1 / `keep` as many."""
    keep: Annotated[float, Field(ge=0.01, le=0.9)] = 0.5
    """The share of the candidates that goes on from each round, whatever the others score."""


@dataclass(frozen=True)
class Candidate:
    """A prompt and a decoding; `changes` are the decoding options that the search sets."""

    prompt: str
    changes: Mapping[str, float]
    decoding: Decoding

    @property
    def name(self) -> str:
        """As people read it: no two candidates of a search have the same."""
        said = [f"{key} {_plain(value)}" for key, value in self.changes.items()]
        return ", ".join([self.prompt, *said])


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


class SearchConf(Conf):
    """One search; without `prompts` nothing is searched, and the knobs say how the teacher is
    asked.
    """

    description: Text
    prompts: Annotated[tuple[Text, ...], Once]
    """Entries of conf/prompt, in the order of preference where nothing else decides."""
    decoding: DecodingGrid = DecodingGrid()
    rows: Count | None = None
    """The most validation rows that a candidate is asked about; null: all that have a label."""
    halving: Halving | None = None
    """null: every candidate is asked about all rows."""

    @model_validator(mode="after")
    def _something_to_search(self) -> Self:
        if not self.prompts and (self.decoding != DecodingGrid() or self.rows or self.halving):
            raise ValueError(
                "`prompts` is empty, so nothing is searched; name one entry of conf/prompt at least"
            )
        return self

    @model_validator(mode="after")
    def _few_candidates(self) -> Self:
        grid = self.decoding
        size = prod(max(1, len(values)) for _, values in grid)
        if len(self.prompts) * size > MOST_CANDIDATES:
            raise ValueError(
                f"`prompts` and `decoding` make {len(self.prompts) * size:,} candidates; "
                f"{MOST_CANDIDATES} are the most"
            )
        return self

    @model_validator(mode="after")
    def _rounds_grow(self) -> Self:
        if self.halving and self.rows is not None and self.halving.first_rows >= self.rows:
            raise ValueError(
                f"`halving.first_rows` is {self.halving.first_rows} and `rows` is {self.rows}, so "
                "there is one round and nothing is halved; lower it, or leave `halving` out"
            )
        return self

    def candidates(self, teacher: Decoding) -> list[Candidate]:
        """What is tried, in order. Greedy decodings that differ in `top_p` alone, which they
        ignore, are one.
        """
        axes = {name: values for name, values in self.decoding if values}
        found: dict[str, Candidate] = {}
        for prompt, *chosen in product(self.prompts, *axes.values()):
            changes = dict(zip(axes, chosen, strict=True))
            decoding = teacher.model_copy(update=changes)
            if decoding.temperature == 0:
                changes.pop("top_p", None)
                decoding = teacher.model_copy(update=changes)
            candidate = Candidate(prompt, changes, decoding)
            found.setdefault(candidate.name, candidate)
        return list(found.values())
