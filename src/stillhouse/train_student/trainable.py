"""Which of a student's weights are trained: all, the last layers, or low-rank adapters."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stillhouse.config.student import Lora, Precision, TrainedConf
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.students.weights import output_layer, torch_type

if TYPE_CHECKING:
    from torch import nn
    from transformers import BitsAndBytesConfig, PreTrainedModel


def four_bits(conf: TrainedConf) -> "BitsAndBytesConfig | None":
    """How `method: qlora` holds the weights below the adapters (Dettmers et al. 2023, section 3).

    Four-bit NormalFloat with double quantisation; products are computed in `training.precision`.
    """
    if conf.training.method != "qlora":
        return None
    _require_bitsandbytes(conf.compute.device)
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch_type(conf.training.precision),
    )


def _require_bitsandbytes(device: str) -> None:
    import torch

    if find_spec("bitsandbytes") is None:
        raise StillhouseError(
            "`training.method: qlora` needs the package bitsandbytes, which is not installed: "
            "`pip install 'stillhouse[qlora]'`. Without it use `training.method: lora`."
        )
    if device == "auto" and not torch.cuda.is_available():
        raise StillhouseError(
            "`training.method: qlora` is for a GPU, and torch finds none. Use `method: lora`, or "
            "set `compute.device: cpu` to compute it on the CPU all the same, which is slow."
        )


def prepare(model: "PreTrainedModel", conf: TrainedConf) -> "nn.Module":
    """The model with the parameters that the entry trains, and no others, requiring gradients."""
    from stillhouse.modeling.fused import fuse

    prepared: nn.Module = model
    if conf.training.lora is not None:
        prepared = add_adapters(model, conf.training.lora)
    elif conf.training.trainable_layers is not None:
        freeze_below(model, conf.training.trainable_layers)
    if conf.training.precision == "bfloat16":
        halve_frozen(prepared)
    fuse(prepared)
    return prepared


def halve_frozen(model: "nn.Module") -> None:
    """Hold the linear layers that are not trained in bfloat16 where it loses nothing.

    Autocast computes with them in bfloat16 all the same, but makes a copy of each in every step.
    """
    import torch
    from torch import nn

    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    for module in model.modules():
        if type(module) is not nn.Linear or id(module.weight) in embeddings:
            continue
        half = module.weight.detach().bfloat16()
        if not module.weight.requires_grad and torch.equal(half.float(), module.weight):
            module.weight.data = half


def stacks(model: "nn.Module") -> dict[str, "nn.ModuleList"]:
    """The model's stacks of layers by name: one for a decoder, two for an encoder-decoder."""
    from torch import nn

    lists = {name: m for name, m in model.named_modules() if isinstance(m, nn.ModuleList)}
    return {
        name: stack
        for name, stack in lists.items()
        if not any(name.startswith(f"{outer}.") for outer in lists)
    }


def last_layers(model: "nn.Module", number: int) -> list[str]:
    """The names of the last `number` layers of each stack."""
    names = []
    for name, stack in stacks(model).items():
        if number > len(stack):
            raise StillhouseError(
                f"The student's entry names the last {number} layers, but the stack {name!r} has "
                f"only {len(stack)}."
            )
        names += [f"{name}.{place}" for place in range(len(stack) - number, len(stack))]
    return names


def freeze_below(model: "nn.Module", number: int) -> None:
    """Leave only the last `number` layers of each stack trainable."""
    kept = tuple(f"{name}." for name in last_layers(model, number))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(kept))


def add_adapters(model: "PreTrainedModel", lora: Lora) -> "nn.Module":
    """The model with low-rank adapters (Hu et al. 2021), the only parameters left to train."""
    from peft import LoraConfig, get_peft_model

    adapted: nn.Module = get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=_targets(model, lora),
        ),
    )
    return adapted


def _targets(model: "PreTrainedModel", lora: Lora) -> list[str]:
    from torch import nn

    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    head = output_layer(model)
    names = [name for name in linear if model.get_submodule(name) is not head]
    if lora.targets != "all-linear":
        wanted = (lora.targets,) if isinstance(lora.targets, str) else lora.targets
        _require_targets(wanted, names)
        names = [name for name in names if name.rpartition(".")[2] in wanted]
    if lora.layers is not None:
        within = tuple(f"{name}." for name in last_layers(model, lora.layers))
        names = [name for name in names if name.startswith(within)]
    return names


def _require_targets(wanted: Iterable[str], names: Iterable[str]) -> None:
    known = {name.rpartition(".")[2] for name in names}
    for target in wanted:
        if target not in known:
            raise StillhouseError(
                f"The student's `training.lora.targets` names {target!r}, which no linear layer of "
                f"it is called.{did_you_mean(target, known)}"
            )


def merged(model: "nn.Module", precision: Precision) -> "PreTrainedModel":
    """The plain model, adapters merged in float32, in the precision to save."""
    from peft import PeftModel

    whole: Any = model
    if isinstance(model, PeftModel) and getattr(model, "is_loaded_in_4bit", False):
        whole = _dequantised(model)
    elif isinstance(model, PeftModel):
        whole = model.float().merge_and_unload()
    plain: PreTrainedModel = whole.to(torch_type(precision))
    return plain


def _dequantised(model: Any) -> Any:
    """The model with its adapters merged into what its four-bit weights stand for.

    The adapters were trained on top of those, so this is the model that was trained; the weights
    before quantisation would give another one. PEFT's own merge would round the sum to four bits.
    """
    import torch
    from peft.tuners.lora import LoraLayer

    adapted = model.get_base_model().named_modules()
    layers: dict[str, Any] = {name: m for name, m in adapted if isinstance(m, LoraLayer)}
    plain = model.unload().dequantize(torch.float32)
    for name, layer in layers.items():
        weight = plain.get_submodule(name).weight
        weight.data += layer.get_delta_weight(model.active_adapter).to(weight)
    return plain
