"""Code that a model's folder brings along: found before anything runs, run only where allowed.

`auto_map` in a configuration names classes in Python files of the folder, or of another repository.
The libraries ask on the terminal whether to run them, and take `yes` from whatever feeds standard
input; so they are never left to ask. A folder's code is needed where the library has no class of
its own for the model, or one that the weights do not fit. In all other cases the library's is
taken, also where the code would be allowed: a permission changes no result.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.json_text import read_json_object
from stillhouse.sources.model_files import sentence_modules

LANGUAGE_MODELS = ("AutoModelForCausalLM", "AutoModelForSeq2SeqLM")
EMBEDDING = ("AutoModel",)
NAMING = ("config.json", "tokenizer_config.json")
OWN = "sentence_transformers."
"""What the modules of a sentence-transformers folder may be without running strangers' code."""
HARMLESS = (OWN, "torch.")
MODULE_CLASSES = {
    "config.json": "activation_function",
    "router_config.json": "types",
    "wordembedding_config.json": "tokenizer_class",
}
"""Where modules name further classes."""
ALLOW = (
    "Read that code; if you trust it, write `trust_remote_code: true` beside the `source`. "
    "Otherwise name a model that the library knows."
)
NEVER = (
    "Students and their tokenizers run no code of a folder: name a model that transformers knows."
)


def needs_code(
    folder: Path, source: str, autos: Sequence[str], *, allowed: bool, advice: str = ALLOW
) -> bool:
    """Whether the code of `folder` is needed, to load it as one of `autos`; it must be allowed."""
    wanted = next(_wanted(folder, autos), None)
    if wanted and not allowed:
        raise StillhouseError(
            f"The source {source!r} wants to run code of its own: {wanted}. None of it was run. "
            f"{advice}"
        )
    if wanted:
        _require_own(folder, [_read(folder / name).get("auto_map") for name in NAMING])
    return bool(wanted)


def _wanted(folder: Path, autos: Sequence[str]) -> Iterator[str]:
    """The places in `folder` that name code, where it is needed."""
    config, tokenizer = (_read(folder / name) for name in NAMING)
    if kernel := _kernel(config):
        raise StillhouseError(
            f"{folder / 'config.json'} takes its attention from {kernel!r}, a repository of code "
            "that no pin covers. Remove that key from a copy of the folder, and name the copy."
        )
    named = config.get("auto_map") or {}
    if not isinstance(named, dict):
        raise StillhouseError(
            f"{folder / 'config.json'}: `auto_map` should be an object, found {named!r:.80}."
        )
    if named:
        yield from _model_code(folder, config, named, autos)
    if isinstance(listed := tokenizer.get("auto_map"), list):
        listed = {"AutoTokenizer": listed}
    if isinstance(listed, dict) and "AutoTokenizer" in listed and not _knows(config, tokenizer):
        yield _said(folder / "tokenizer_config.json", "AutoTokenizer", listed["AutoTokenizer"])
    if "AutoModel" in autos and (folder / "modules.json").is_file():
        yield from _module_code(folder)


def _require_own(folder: Path, references: Any) -> None:
    """Fail at a reference such as `org/name--file.Class`: code of another repository."""
    for name in references.values() if isinstance(references, dict) else references:
        if isinstance(name, (dict, list, tuple)):
            _require_own(folder, name)
        elif isinstance(name, str) and "--" in name:
            raise StillhouseError(
                f"{folder} takes code from another repository, {name!r}, which no pin covers. Copy "
                "that file into a copy of the folder, name it there, and name the copy as source."
            )


def _model_code(
    folder: Path, config: dict[str, Any], named: dict[str, Any], autos: Sequence[str]
) -> Iterator[str]:
    import transformers

    kind = str(config.get("model_type"))
    if "AutoConfig" in named and kind not in transformers.CONFIG_MAPPING:
        yield _said(folder / "config.json", "AutoConfig", named["AutoConfig"])
    for auto in autos:
        if auto in named and kind in transformers.CONFIG_MAPPING:
            known = getattr(transformers, auto)._model_mapping
            if transformers.CONFIG_MAPPING[kind] not in known or not _fits(folder, auto):
                yield _said(folder / "config.json", auto, named[auto])


def _fits(folder: Path, auto: str) -> bool:
    """Whether the weights are all that the library's own class needs (but for a pooler's)."""
    import transformers

    try:
        _, found = getattr(transformers, auto).from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
    except Exception:  # whatever trips it, the class is not the folder's
        return False
    return not [name for name in found["missing_keys"] if "pooler" not in name]


def _knows(config: dict[str, Any], tokenizer: dict[str, Any]) -> bool:
    """Whether transformers has the tokenizer, by its own name or by the model's."""
    from transformers import CONFIG_MAPPING, TOKENIZER_MAPPING
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    kind, name = str(config.get("model_type")), tokenizer.get("tokenizer_class")
    if kind in CONFIG_MAPPING and CONFIG_MAPPING[kind] in TOKENIZER_MAPPING:
        return True
    return isinstance(name, str) and any(
        tokenizer_class_from_name(known) is not None
        for known in (name, name.removesuffix("Fast"), f"{name.removesuffix('Fast')}Fast")
    )


def _module_code(folder: Path) -> Iterator[str]:
    for place, kind in sentence_modules(folder).items():
        if not kind.startswith(OWN):
            yield _said(folder / "modules.json", "type", kind)
        for file, key in MODULE_CLASSES.items():
            named = _read(folder / place / file).get(key)
            classes = named.values() if isinstance(named, dict) else [named]
            for name in classes:
                # What has no dot is a function that the model's own class knows.
                if isinstance(name, str) and "." in name and not name.startswith(HARMLESS):
                    yield _said(folder / place / file, key, name)


def _kernel(values: Any) -> str | None:
    """An attention that `config.json`, or a part of it, takes from a repository."""
    if not isinstance(values, dict):
        return None
    for key in ("_attn_implementation", "attn_implementation", "_attn_implementation_internal"):
        found = values.get(key)
        for name in found.values() if isinstance(found, dict) else [found]:
            if isinstance(name, str) and "/" in name:
                return name
    return next(filter(None, map(_kernel, values.values())), None)


def _read(path: Path) -> dict[str, Any]:
    return read_json_object(path) if path.is_file() else {}


def _said(path: Path, key: str, name: object) -> str:
    return f"{path} names {name!r:.120} as its {key}"
