"""Model sources as folders in Hugging Face layout; GGUF and pickled files are converted once."""

import hashlib
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import require_disk_space, sha256_file
from stillhouse.core.progress import progress
from stillhouse.sources.cache import cache_root, cached
from stillhouse.sources.gguf_layout import MAGIC, require_gguf
from stillhouse.sources.model_files import loading, naming, require_all_weights, require_sound
from stillhouse.sources.pickled import convert_pickled, pickled_files
from stillhouse.sources.resolve import resolve

# Parts of cached folders' names: raise one when its conversion changes.
CONVERSION = "v1-bfloat16"
UNPICKLING = "v1"
# A quantized weight takes four bits or more, so sixteen-bit weights take at most four times more.
GROWTH = 4


def model_folder(source: str, mirror: str | None = None, *, code: bool = False) -> Path:
    """A folder with config.json, the tokenizer and *.safetensors for a model source.

    With `code`, also the Python files of a hub repository; nothing here runs them. `mirror` is
    where else the same content is (see `resolve`). A GGUF file is dequantized and saved as bfloat16
    in the cache, once; so are pickled weights where there are no others, unchanged.
    """
    path = resolve(source, kind="model", mirror=mirror, code=code)
    gguf = _gguf_file(path)
    if gguf:
        require_gguf(gguf, source)
        name = f"gguf/{gguf.stem[:40]}-{sha256_file(gguf)[:16]}-{CONVERSION}"
        return cached(name, lambda folder: _convert(gguf, source, folder))
    if not (path / "config.json").is_file():
        raise StillhouseError(
            f"The source {source!r} is not a model: {path} has neither a config.json nor one .gguf "
            "file. Name the folder or the file in the source's path."
        )
    folder = path if any(path.glob("*.safetensors")) else _unpickled(path, source, mirror)
    require_sound(folder, source)
    return folder


def _unpickled(path: Path, source: str, mirror: str | None) -> Path:
    with naming(source):
        names = pickled_files(path)
    try:
        path = resolve(source, kind="model", mirror=mirror, paths=names)
    except StillhouseError as error:
        raise StillhouseError(
            f"The source {source!r} has neither *.safetensors weights nor pickled ones that can be "
            f"had: {error}"
        ) from error
    missing = [name for name in names if not (path / name).is_file()]
    if missing:
        raise StillhouseError(
            f"The source {source!r} has no weights: {path} has neither *.safetensors nor "
            f"{missing[0]}. Name a folder or commit that has them."
        )
    digest = hashlib.sha256("".join(sha256_file(path / name) for name in names).encode())
    key = f"pickled/{digest.hexdigest()[:16]}-{UNPICKLING}"
    return cached(key, lambda folder: convert_pickled(path, folder))


def _gguf_file(path: Path) -> Path | None:
    if path.is_file():
        with path.open("rb") as source:
            return path if source.read(len(MAGIC)) == MAGIC else None
    files = sorted(path.glob("*.gguf"))
    return files[0] if len(files) == 1 and not (path / "config.json").exists() else None


def _convert(gguf: Path, source: str, folder: Path) -> None:
    require_disk_space(cache_root(), GROWTH * gguf.stat().st_size, f"the converted {gguf.name}")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with progress(f"Convert {gguf.name}", 1) as bar:
        # The library's bars would only scroll in a log.
        with redirect_stderr(StringIO()), loading(f"The source {source!r}: {gguf}"):
            load: Any = AutoModelForCausalLM.from_pretrained
            model, found = load(
                gguf.parent,
                gguf_file=gguf.name,
                dtype=torch.bfloat16,
                quantization_config=GgufConfig(dequantize=True),
                trust_remote_code=False,
                output_loading_info=True,
            )
            require_all_weights(found, f"The source {source!r}: {gguf}")
            model.save_pretrained(folder)
            tokenizer = AutoTokenizer.from_pretrained(
                gguf.parent, gguf_file=gguf.name, trust_remote_code=False
            )
            tokenizer.save_pretrained(folder)
        bar.advance()
