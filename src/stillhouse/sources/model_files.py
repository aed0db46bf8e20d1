"""Checks of a model's folder before a library reads it, and its failures as one message."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.inner_paths import inner_path
from stillhouse.core.json_text import read_json_file, read_json_object

INDEX = "model.safetensors.index.json"
ADAPTERS = "adapter_config.json"
OBJECTS = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "preprocessor_config.json",
    "processor_config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)
"""The small JSON files that libraries read, each an object. `tokenizer.json` is checked by them."""


def require_sound(folder: Path, source: str) -> None:
    """Fail when a file of a model's folder is damaged, or names something outside the folder.

    Only headers are read, so it takes no time however large the weights are.
    """
    with naming(source):
        for name in OBJECTS:
            if (folder / name).is_file():
                read_json_object(folder / name)
        if (folder / ADAPTERS).exists():
            raise StillhouseError(
                f"{folder / ADAPTERS} says that adapters belong to the weights, which one library "
                "adds to them and another does not. Merge them, and name the merged model."
            )
        index = folder / INDEX
        names = shards(index) if index.is_file() else []
        for missing in (name for name in names if not (folder / name).is_file()):
            raise StillhouseError(f"{index} names {missing!r}, which is not there.")
        for path in sorted({*folder.glob("*.safetensors"), *(folder / name for name in names)}):
            _require_header(path)


def shards(index: Path) -> list[str]:
    """The files that an index of weights names, which must lie beside it."""
    places = read_json_object(index).get("weight_map")
    if not isinstance(places, dict):
        raise StillhouseError(f"{index} has no `weight_map` of tensors to files.")
    names = list(dict.fromkeys(places.values()))
    for name in names:
        if (
            not isinstance(name, str)
            or name == ".."
            or PurePosixPath(name).name != name
            or not name
        ):
            raise StillhouseError(
                f"{index} names {name!r} as a file of weights; it has to be the name of a file "
                "beside it, and nothing outside is read."
            )
    return sorted(names)


def _require_header(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        raise StillhouseError(
            f"{path} is no readable safetensors file: {error}. Fetch it anew."
        ) from error


def require_all_weights(found: Mapping[str, Any], what: str) -> None:
    """Fail when a model was loaded without some of its weights: a library makes up random ones.

    `found` is what `from_pretrained` says it found. No pooler is ever used here.
    """
    missing = sorted(name for name in found["missing_keys"] if "pooler" not in name)
    if missing:
        raise StillhouseError(
            f"{what} lacks {len(missing)} of the model's weights, {missing[0]} first; they would "
            "be random. Fetch its files anew, or name another model."
        )


def sentence_modules(folder: Path) -> dict[str, str]:
    """Folder and class of each module of a sentence-transformers folder; all lie below it."""
    path = folder / "modules.json"
    modules = read_json_file(path)
    if not isinstance(modules, list):
        raise StillhouseError(f"{path} should be a JSON array of modules.")
    found = {}
    for module in modules:
        place, kind = (module.get(key) if isinstance(module, dict) else None for key in _MODULE)
        if not isinstance(place, str) or not isinstance(kind, str):
            raise StillhouseError(f"{path} has a module without `path` and `type`: {module!r:.80}.")
        try:
            found[inner_path(place)] = kind
        except ValueError as error:
            raise StillhouseError(f"{path} has a module at {place!r}: {error}.") from None
    return found


_MODULE = ("path", "type")


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Say in every error of the block which source it is about."""
    try:
        yield
    except StillhouseError as error:
        raise StillhouseError(f"The source {source!r}: {error}") from error


@contextmanager
def loading(what: str) -> Iterator[None]:
    """A library loads what a stranger wrote: whatever trips it is one message."""
    try:
        yield
    except StillhouseError:
        raise
    except Exception as error:  # a damaged file trips the libraries anywhere
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = f"{type(error).__name__}: {lines[0]:.300}" if lines else type(error).__name__
        raise StillhouseError(
            f"{what} cannot be loaded ({reason.rstrip('.')}). If its files are whole, this version "
            "of the libraries does not know the model: name another, or another revision."
        ) from error
