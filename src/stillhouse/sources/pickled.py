"""Pickled PyTorch weights as safetensors: converted once, and no code of theirs is run.

A pickle is a program. torch's `weights_only` reader interprets the few instructions that build
tensors and plain containers, and fails at any other; what it gives is written as safetensors, which
can hold nothing else. Many models of before 2023, T5 v1.1 among them, were published no other way.
"""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import require_disk_space, write_json
from stillhouse.core.progress import progress
from stillhouse.sources.cache import cache_root
from stillhouse.sources.model_files import shards

if TYPE_CHECKING:
    from torch import Tensor

SINGLE = "pytorch_model.bin"
INDEX = "pytorch_model.bin.index.json"
# What belongs to a model beside its weights.
BESIDE = (".json", ".model", ".txt", ".jinja")


def pickled_files(folder: Path) -> list[str]:
    """The names of the pickled files that a model in `folder` would have, there or not."""
    index = folder / INDEX
    if not index.exists():
        return [SINGLE]
    return shards(index)


def convert_pickled(folder: Path, target: Path) -> None:
    """Write the model of `folder` to `target` with its weights as safetensors, bit for bit."""
    from safetensors.torch import save_file

    names = pickled_files(folder)
    size = sum((folder / name).stat().st_size for name in names)
    require_disk_space(cache_root(), size, f"the converted weights of {folder}")
    places: dict[str, str] = {}
    with progress(f"Convert {folder.name}'s pickled weights", len(names)) as bar:
        for number, name in enumerate(names, 1):
            converted = f"model-{number:05d}-of-{len(names):05d}.safetensors"
            tensors = _separate(_read(folder / name))
            save_file(tensors, target / converted, metadata={"format": "pt"})
            places |= dict.fromkeys(tensors, converted)
            bar.advance()
    write_json(target / "model.safetensors.index.json", {"metadata": {}, "weight_map": places})
    for path in folder.iterdir():
        if path.suffix in BESIDE and path.name != INDEX:
            shutil.copyfile(path, target / path.name)


def _read(path: Path) -> "Mapping[str, Tensor]":
    import torch

    try:
        # Files of before torch 1.6 are no archives, and cannot be mapped.
        found = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except OSError:
        raise
    except Exception as error:  # a damaged pickle trips the reader anywhere
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise StillhouseError(
            f"{path} is no plain pickle of tensors, so it is not read ({reason}). Name a source "
            "with *.safetensors."
        ) from error
    if not isinstance(found, Mapping) or not all(map(torch.is_tensor, found.values())):
        raise StillhouseError(
            f"{path} holds something else than named tensors. Name a source with *.safetensors."
        )
    return found


def _separate(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    # safetensors has no shared memory: T5 stores its one embedding under three names.
    seen: set[int] = set()
    separate = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if place in seen else tensor.contiguous()
        seen.add(place)
    return separate
