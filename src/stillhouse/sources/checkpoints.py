"""Model sources as folders in Hugging Face layout; GGUF files are converted once."""

from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import require_disk_space, sha256_file
from stillhouse.core.progress import progress
from stillhouse.sources.cache import cache_root, entry
from stillhouse.sources.resolve import resolve

# Part of the cache entry's name: raise it when the conversion changes.
CONVERSION = "v1-bfloat16"
# A quantized weight takes four bits or more, so sixteen-bit weights take at most four times more.
GROWTH = 4
GGUF_MAGIC = b"GGUF"


def checkpoint(source: str, mirror: str | None = None) -> Path:
    """A folder with config.json, the tokenizer and *.safetensors for a model source.

    `mirror` is where else the same content is (see `resolve`). A GGUF file is dequantized and saved
    as bfloat16 in the cache, once; pickled weights are refused.
    """
    path = resolve(source, kind="model", mirror=mirror)
    gguf = _gguf_file(path)
    if gguf:
        return _converted(gguf)
    if not (path / "config.json").is_file():
        raise StillhouseError(
            f"The source {source!r} is not a model: {path} has neither a config.json nor one .gguf "
            "file. Name the folder or the file in the source's path."
        )
    if not any(path.glob("*.safetensors")):
        raise StillhouseError(
            f"The source {source!r} has no *.safetensors weights, and pickled ones are not loaded. "
            "Name a commit that has them (often a conversion proposed to the repository)."
        )
    return path


def _gguf_file(path: Path) -> Path | None:
    if path.is_file():
        with path.open("rb") as source:
            return path if source.read(len(GGUF_MAGIC)) == GGUF_MAGIC else None
    files = sorted(path.glob("*.gguf"))
    return files[0] if len(files) == 1 and not (path / "config.json").exists() else None


def _converted(gguf: Path) -> Path:
    name = f"gguf/{gguf.stem}-{sha256_file(gguf)[:16]}-{CONVERSION}"
    return entry(name, lambda folder: _convert(gguf, folder))


def _convert(gguf: Path, folder: Path) -> None:
    require_disk_space(cache_root(), GROWTH * gguf.stat().st_size, f"the converted {gguf.name}")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with progress(f"Convert {gguf.name}", 1) as bar:
        with redirect_stderr(StringIO()):  # the library's bars, which only scroll in a log
            model = AutoModelForCausalLM.from_pretrained(
                gguf.parent,
                gguf_file=gguf.name,
                dtype=torch.bfloat16,
                quantization_config=GgufConfig(dequantize=True),
            )
            model.save_pretrained(folder)
            AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
        bar.advance()
