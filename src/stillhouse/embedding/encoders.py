"""Encoders: a tokenizer and a model that turns token ids into one vector a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhouse.config.embedder import EmbedderConf
from stillhouse.core.errors import StillhouseError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    Features = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Encoder:
    """`forward` takes `input_ids` and `attention_mask`, (rows, width); gives (rows, dimension)."""

    tokenizer: PreTrainedTokenizerBase
    forward: Callable[[Features], torch.Tensor]
    device: str
    max_tokens: int

    def tokenize(self, queries: Sequence[str]) -> list[list[int]]:
        """Token ids of each query, special tokens included, at most `max_tokens`."""
        encoded = self.tokenizer(list(queries), truncation=True, max_length=self.max_tokens)
        tokens: list[list[int]] = encoded["input_ids"]
        return tokens

    @property
    def pad(self) -> int:
        """The id that fills a row; masked, so any will do where the tokenizer names none."""
        pad = self.tokenizer.pad_token_id
        return pad if isinstance(pad, int) else 0

    def vectors(self, ids: list[list[int]], mask: list[list[int]]) -> torch.Tensor:
        """The vectors of one padded batch, float32 on the CPU."""
        import torch

        features = {
            "input_ids": torch.tensor(ids, device=self.device),
            "attention_mask": torch.tensor(mask, device=self.device),
        }
        with torch.inference_mode():
            return self.forward(features).float().cpu()


def load_encoder(conf: EmbedderConf, folder: Path) -> Encoder:
    """Load the encoder in `folder`, without the network and without code from the folder."""
    import torch

    device = conf.compute.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kinds = {"sentence_transformers": _sentence_transformer, "mean_pooling": _mean_pooling}
    return kinds[conf.kind](conf, folder, device)


def _options() -> dict[str, Any]:
    import torch

    # Other attention kernels depend on whether a batch has padding, and differ in the last bits.
    return {"dtype": torch.float32, "attn_implementation": "eager", "use_safetensors": True}


def _sentence_transformer(conf: EmbedderConf, folder: Path, device: str) -> Encoder:
    from sentence_transformers import SentenceTransformer

    if not (folder / "modules.json").exists():
        raise StillhouseError(
            f"{conf.source}: {folder} has no modules.json, so it is not a sentence-transformers "
            "folder. Use `kind: mean_pooling` for a plain encoder."
        )
    model = SentenceTransformer(
        str(folder), device=device, local_files_only=True, model_kwargs=_options()
    ).eval()
    if model.default_prompt_name:
        raise StillhouseError(
            f"{conf.source} puts the text {model.prompts[model.default_prompt_name]!r} before "
            "every query, which is not supported. Choose a model without a default prompt."
        )
    _check_positions(conf, model.config)

    def forward(features: Features) -> torch.Tensor:
        vectors: torch.Tensor = model(features)["sentence_embedding"]
        return vectors

    return Encoder(model.tokenizer, forward, device, conf.max_tokens)


def _mean_pooling(conf: EmbedderConf, folder: Path, device: str) -> Encoder:
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder, local_files_only=True, **_options())
    model.to(device).eval()
    _check_positions(conf, model.config)

    def forward(features: Features) -> torch.Tensor:
        hidden = model(**features).last_hidden_state
        mask = features["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        vectors: torch.Tensor = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        return vectors

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return Encoder(tokenizer, forward, device, conf.max_tokens)


def _check_positions(conf: EmbedderConf, config: object) -> None:
    positions = getattr(config, "max_position_embeddings", None)
    if positions and conf.max_tokens > positions:
        raise StillhouseError(
            f"{conf.source}: `max_tokens` is {conf.max_tokens}, but the model reads at most "
            f"{positions} tokens. Lower it in the embedder's conf."
        )
