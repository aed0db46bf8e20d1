"""Encoders: queries to token ids, and token ids to one vector a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhouse.config.embedder import EmbedderConf
from stillhouse.core.errors import StillhouseError

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]

QUERIES_AT_ONCE = 1024
_TEXT_ALONE = {"split_special_tokens": True}
"""A query that spells `[SEP]` is text; the tokenizer's own special tokens come all the same."""


@dataclass(frozen=True)
class Encoder:
    """`tokenize` gives ids with special tokens, at most `max_tokens` of a query. `forward` takes
    `input_ids` and `attention_mask`, (rows, width), and gives vectors, (rows, dimension).
    `whole_lengths` are the tokens of each query before any is cut off; `positions` is the most that
    the model reads, where it says so.
    """

    tokenize: Callable[[Sequence[str]], list[list[int]]]
    forward: Callable[[Tensors], torch.Tensor]
    pad: int
    device: str
    max_tokens: int
    whole_lengths: Callable[[Sequence[str]], list[int]]
    positions: int | None

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
    """Load the encoder in `folder`, without the network; its own code runs only where allowed."""
    import torch

    from stillhouse.sources.model_files import loading
    from stillhouse.sources.remote_code import EMBEDDING, needs_code

    device = conf.compute.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kinds = {"sentence_transformers": _sentence_transformer, "mean_pooling": _mean_pooling}
    code = needs_code(folder, conf.source, EMBEDDING, allowed=conf.trust_remote_code)
    with loading(f"{conf.source}: the embedder in {folder}"):
        return kinds[conf.kind](conf, folder, device, code)


def _options() -> dict[str, Any]:
    import torch

    # Other attention kernels depend on whether a batch has padding, and differ in the last bits.
    return {"dtype": torch.float32, "attn_implementation": "eager", "use_safetensors": True}


def _sentence_transformer(conf: EmbedderConf, folder: Path, device: str, code: bool) -> Encoder:
    if not (folder / "modules.json").exists():
        raise StillhouseError(
            f"{conf.source}: {folder} has no modules.json, so it is not a sentence-transformers "
            "folder. Use `kind: mean_pooling` for a plain encoder."
        )
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(folder),
        device=device,
        local_files_only=True,
        trust_remote_code=code,
        model_kwargs=_options(),
    ).eval()
    # A template that the library wraps queries in spells its control tokens, and needs them.
    if not getattr(model.tokenizer, "chat_template", None):
        model.tokenizer.split_special_tokens = True
    if model.default_prompt_name:
        raise StillhouseError(
            f"{conf.source} puts the text {model.prompts[model.default_prompt_name]!r} before "
            "every query, which is not supported. Choose a model without a default prompt."
        )
    positions = _positions(conf, model.config)
    model.max_seq_length = conf.max_tokens

    def tokenize(queries: Sequence[str]) -> list[list[int]]:
        tokens = []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            # The library's own way in: it may wrap a query in the model's template.
            features = model.preprocess(list(queries[start : start + QUERIES_AT_ONCE]))
            seen = features["attention_mask"].bool()
            rows = zip(features["input_ids"], seen, strict=True)
            tokens += [ids[mask].tolist() for ids, mask in rows]
        return tokens

    def forward(features: Tensors) -> torch.Tensor:
        vectors: torch.Tensor = model(features)["sentence_embedding"]
        return vectors

    pad = model.tokenizer.pad_token_id or 0
    lengths = _whole_lengths(model.tokenizer)
    return Encoder(tokenize, forward, pad, device, conf.max_tokens, lengths, positions)


def _mean_pooling(conf: EmbedderConf, folder: Path, device: str, code: bool) -> Encoder:
    from transformers import AutoModel, AutoTokenizer

    from stillhouse.sources.model_files import require_all_weights

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": code}
    tokenizer = AutoTokenizer.from_pretrained(folder, **local, **_TEXT_ALONE)
    model, found = AutoModel.from_pretrained(
        folder, output_loading_info=True, **local, **_options()
    )
    require_all_weights(found, f"{conf.source}: {folder}")
    model.to(device).eval()
    positions = _positions(conf, model.config)

    def tokenize(queries: Sequence[str]) -> list[list[int]]:
        encoded = tokenizer(list(queries), truncation=True, max_length=conf.max_tokens)
        tokens: list[list[int]] = encoded["input_ids"]
        return tokens

    def forward(features: Tensors) -> torch.Tensor:
        hidden = model(**features).last_hidden_state
        mask = features["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        vectors: torch.Tensor = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        return vectors

    pad, lengths = tokenizer.pad_token_id or 0, _whole_lengths(tokenizer)
    return Encoder(tokenize, forward, pad, device, conf.max_tokens, lengths, positions)


def _whole_lengths(tokenizer: Any) -> Callable[[Sequence[str]], list[int]]:
    def lengths(queries: Sequence[str]) -> list[int]:
        return [len(ids) for ids in tokenizer(list(queries), verbose=False)["input_ids"]]

    return lengths


def _positions(conf: EmbedderConf, config: object) -> int | None:
    """The most tokens that the model reads; an error where the entry asks for more."""
    positions: int | None = getattr(config, "max_position_embeddings", None)
    if positions and conf.max_tokens > positions:
        raise StillhouseError(
            f"{conf.source}: `max_tokens` is {conf.max_tokens}, but the model reads at most "
            f"{positions} tokens. Lower it in the embedder's conf."
        )
    return positions
