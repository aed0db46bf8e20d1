"""A student's weights before training: pretrained or random."""

from typing import TYPE_CHECKING, Any

from stillhouse.config.student import Family, Precision, TrainedConf
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.sources.model_files import loading, require_all_weights
from stillhouse.sources.model_folder import model_folder
from stillhouse.sources.remote_code import LANGUAGE_MODELS, NEVER, needs_code

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn
    from transformers import BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase
    from transformers.models.auto.auto_factory import _BaseAutoModelClass


def load_weights(
    conf: TrainedConf, quantization: "BitsAndBytesConfig | None" = None
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """The student before training, in float32; what `quantization` covers is in its four bits.

    Random weights come from torch's current seed.
    """
    if conf.model.source is not None:
        folder = model_folder(conf.model.source, conf.mirror)
        device = "cpu" if quantization and conf.compute.device == "cpu" else None
        model = read_model(folder, conf.model.family, "float32", quantization, device)
        return model, read_tokenizer(folder)
    assert conf.model.tokenizer is not None and conf.model.architecture is not None
    tokenizer = read_tokenizer(model_folder(conf.model.tokenizer, conf.mirror))
    return _random_model(conf.model.architecture, conf.model.family, tokenizer), tokenizer


def read_tokenizer(folder: "Path") -> "PreTrainedTokenizerBase":
    """The tokenizer of a local folder; no code of the folder's runs."""
    from transformers import AutoTokenizer

    needs_code(folder, str(folder), (), allowed=False, advice=NEVER)
    with loading(f"The tokenizer in {folder}"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    return tokenizer


def read_model(
    folder: "Path",
    family: Family,
    precision: Precision,
    quantization: "BitsAndBytesConfig | None" = None,
    device: str | None = None,
) -> "PreTrainedModel":
    """The model of a local folder, its weights in `precision`; the family must be the entry's.

    What is quantised is put on `device` at once, by default the current GPU. No code of the
    folder's runs.
    """
    from transformers import AutoConfig

    what = f"The model in {folder}"
    needs_code(folder, str(folder), LANGUAGE_MODELS, allowed=False, advice=NEVER)
    with loading(what):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    _require_family(config.is_encoder_decoder, family, config.model_type)
    with loading(what):
        model, found = _auto(family).from_pretrained(
            folder,
            dtype=torch_type(precision),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            quantization_config=quantization,
            device_map=device,
            output_loading_info=True,
        )
    require_all_weights(found, what)
    return _attending(model)


def _attending(model: "PreTrainedModel") -> "PreTrainedModel":
    from stillhouse.modeling.attention import adapt

    if not adapt(model):
        raise StillhouseError(
            f"A {model.config.model_type} computes attention in a way of its own, which students "
            "cannot be trained with. Choose an architecture that supports SDPA in transformers."
        )
    return model


def torch_type(precision: Precision) -> "torch.dtype":
    """The torch type of that name."""
    import torch

    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _auto(family: Family) -> "type[_BaseAutoModelClass]":
    import transformers

    # "Loading weights" bars would be drawn into files, too.
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if family == "decoder":
        return transformers.AutoModelForCausalLM
    return transformers.AutoModelForSeq2SeqLM


def output_layer(model: "nn.Module") -> "nn.Module":
    """The layer that turns hidden states into logits over the vocabulary, adapters or not."""
    find: Any = model.get_output_embeddings
    head: nn.Module = find()
    return head


def _require_family(encoder_decoder: bool, family: Family, model_type: str) -> None:
    found: Family = "encoder_decoder" if encoder_decoder else "decoder"
    if found != family:
        raise StillhouseError(
            f"The student's `model.family` is {family}, but its weights are those of a "
            f"{model_type}: set `model.family: {found}`."
        )


def _random_model(
    architecture: dict[str, Any], family: Family, tokenizer: "PreTrainedTokenizerBase"
) -> "PreTrainedModel":
    from transformers import CONFIG_MAPPING, AutoConfig

    values = dict(architecture)
    kind = values.pop("model_type", None)
    if kind not in CONFIG_MAPPING:
        raise StillhouseError(
            f"The student's `model.architecture.model_type` is {kind!r}, which is no model that "
            f"transformers knows.{did_you_mean(str(kind), ('t5', 'llama', 'mistral', 'qwen2'))}"
        )
    unknown = sorted(values.keys() - AutoConfig.for_model(kind).to_dict().keys())
    if unknown:
        known = AutoConfig.for_model(kind).to_dict()
        raise StillhouseError(
            f"The student's `model.architecture` has the key {unknown[0]!r}, which a {kind} does "
            f"not have.{did_you_mean(unknown[0], known)}"
        )
    config = AutoConfig.for_model(kind, **(_token_ids(tokenizer) | values))
    _require_family(config.is_encoder_decoder, family, kind)
    return _attending(_auto(family).from_config(config))  # type: ignore[no-untyped-call]


def _token_ids(tokenizer: "PreTrainedTokenizerBase") -> dict[str, Any]:
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": pad,
        "decoder_start_token_id": pad,
    }
