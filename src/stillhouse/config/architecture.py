"""Whether random weights of an architecture can be built, before anything is paid for.

Building them takes torch, and seconds. What most mistakes come down to (a type of model or a key
that transformers does not know, a value of another type, sizes that do not divide) stands in the
library's own files, which are read here as text.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from stillhouse.core.errors import did_you_mean

MAPPINGS = {
    "decoder": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "encoder_decoder": "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
}
USUAL = {
    "decoder": ("gpt2", "llama", "mistral", "qwen2"),
    "encoder_decoder": ("bart", "mt5", "t5"),
}
WIDTHS = ("hidden_size", "n_embd", "d_model")
HEADS = ("num_attention_heads", "n_head", "num_heads")
ACTIVATIONS = ("hidden_act", "activation_function", "hidden_activation", "feed_forward_proj")
KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}
SAID = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


@dataclass
class Known:
    """What a file says about one type of model: its keys, their types and defaults."""

    names: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    """Those to suggest: of this type alone."""
    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    whole: bool = True
    """Whether its keys are all known: false where they are inherited from elsewhere."""


def problems_of_architecture(
    architecture: Mapping[str, Any], family: Literal["decoder", "encoder_decoder"]
) -> list[str]:
    """What keeps random weights from being built; empty where nothing is seen."""
    values = dict(architecture)
    kind = values.pop("model_type", None)
    models = _models(family)
    if models and (not isinstance(kind, str) or kind not in models):
        near = did_you_mean(str(kind), USUAL[family])
        return [
            f"`architecture.model_type` is {kind!r}, which is no {family} that transformers knows."
            f"{near.removesuffix('.')}, and others"
        ]
    if "vocab_size" in values:
        return ["`architecture.vocab_size` is what the `tokenizer` says; leave it out"]
    known = _known(str(kind))
    return list(_problems(values, known, str(kind))) if known else []


def _problems(values: Mapping[str, Any], known: Known, kind: str) -> Iterator[str]:
    for key, value in values.items():
        where = f"`architecture.{key}`"
        if known.whole and key not in known.names:
            near = did_you_mean(key, known.own).removesuffix(".")
            yield f"{where} is no key of a {kind}.{near}"
        else:
            yield from _wrong_value(where, key, value, known)
    sizes = {**known.defaults, **values}
    width = next((sizes[name] for name in WIDTHS if _is_size(sizes.get(name))), None)
    heads = next((sizes[name] for name in HEADS if _is_size(sizes.get(name))), None)
    if width is None or heads is None or "d_kv" in known.names:
        return
    free = _is_size(known.defaults.get("head_dim"))
    if not free and width % heads:
        yield f"a width of {width} cannot be divided among {heads} attention heads"
    groups = sizes.get("num_key_value_heads")
    if _is_size(groups) and heads % groups:
        yield f"{heads} attention heads cannot be divided among {groups} key and value heads"
    size = sizes.get("head_dim") or width // heads
    if "rope_parameters" in known.names and _is_size(size) and size % 2:
        yield f"attention heads of {size} values cannot be rotated in pairs; make it an even number"


def _wrong_value(where: str, key: str, value: Any, known: Known) -> Iterator[str]:
    types = known.types.get(key, ("bool",) if key == "tie_word_embeddings" else ())
    if types and all(name in KINDS for name in types):
        fits = any(
            isinstance(value, KINDS[name]) and isinstance(value, bool) == (name == "bool")
            for name in types
        )
        if not fits:
            wanted = " or ".join(SAID[name] for name in types if name in SAID)
            yield f"{where} is {value!r}: it has to be {wanted}"
            return
    if isinstance(value, float) and value - value != 0:
        yield f"{where} is {value!r}: it has to be a finite number"
    elif _is_int(value) and not key.endswith("_id"):
        least = 0 if known.defaults.get(key) == 0 or "float" in types else 1
        if "int" in types and not least <= value < 2**31:
            yield f"{where} is {value}: it has to be at least {least}, and less than 2,147,483,648"
    elif key in ACTIVATIONS and isinstance(value, str):
        name = value.removeprefix("gated-")
        if _activations() and name not in _activations():
            near = did_you_mean(name, _activations()).removesuffix(".")
            yield f"{where} is {value!r}, which is no activation.{near}"


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: Any) -> bool:
    return _is_int(value) and value > 0


@lru_cache
def _library() -> Path | None:
    spec = find_spec("transformers")
    return Path(spec.origin).parent if spec and spec.origin else None


@lru_cache
def _tree(name: str) -> ast.Module:
    file = (_library() or Path()) / name
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return ast.Module([], [])


def _pairs(tree: ast.Module, name: str) -> dict[str, Any]:
    """The constant keys and values of a mapping that a module assigns to `name`."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            assert isinstance(node, ast.Assign)
            return {
                str(pair.elts[0].value): getattr(pair.elts[1], "value", None)
                for pair in ast.walk(node.value)
                if isinstance(pair, ast.Tuple)
                and len(pair.elts) == 2
                and isinstance(pair.elts[0], ast.Constant)
            }
    return {}


@lru_cache
def _models(family: str) -> frozenset[str]:
    found = _pairs(_tree("models/auto/modeling_auto.py"), MAPPINGS[family])
    return frozenset(map(str, found))


@lru_cache
def _activations() -> frozenset[str]:
    for node in _tree("activations.py").body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ACT2CLS":
            keys = getattr(node.value, "keys", [])
            return frozenset(str(key.value) for key in keys if isinstance(key, ast.Constant))
    return frozenset()


@lru_cache
def _known(kind: str) -> Known | None:
    """What the configuration of one type of model takes; None where its file is not understood."""
    modules = _pairs(_tree("models/auto/auto_mappings.py"), "SPECIAL_MODEL_TYPE_TO_MODULE_NAME")
    module = str(modules.get(kind, kind)).replace("-", "_")
    tree = _tree(f"models/{module}/configuration_{module}.py")
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    own = next((node for node in classes.values() if _model_type(node) == kind), None)
    if own is None:
        return None
    known = Known()
    base = {n.name: n for n in _tree("configuration_utils.py").body if isinstance(n, ast.ClassDef)}
    for node in (own, base.get("PreTrainedConfig")):
        if node is None:
            known.whole = False
            continue
        _add(node, known)
        known.own = known.own or {name for name in known.types if not name.startswith("_")}
    parents = {getattr(parent, "id", "") for parent in own.bases}
    known.whole = known.whole and parents == {"PreTrainedConfig"}
    return known


def _model_type(node: ast.ClassDef) -> object:
    for each in node.body:
        if isinstance(each, ast.Assign) and getattr(each.targets[0], "id", "") == "model_type":
            return getattr(each.value, "value", None)
    return None


def _add(node: ast.ClassDef, known: Known) -> None:
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            name = each.target.id
            known.names.add(name)
            known.types.setdefault(name, _types(each.annotation))
            if isinstance(each.value, ast.Constant):
                known.defaults.setdefault(name, each.value.value)
        elif isinstance(each, ast.Assign) and getattr(each.targets[0], "id", "") == "attribute_map":
            keys = getattr(each.value, "keys", [])
            known.names |= {str(k.value) for k in keys if isinstance(k, ast.Constant)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            known.names.add(inner.attr)
        elif isinstance(inner, ast.Call) and getattr(inner.func, "attr", "") in ("pop", "get"):
            known.names |= {str(a.value) for a in inner.args[:1] if isinstance(a, ast.Constant)}


def _types(annotation: ast.expr) -> tuple[str, ...]:
    if isinstance(annotation, ast.BinOp):
        return (*_types(annotation.left), *_types(annotation.right))
    if isinstance(annotation, ast.Constant):
        return (str(annotation.value),)
    return (getattr(annotation, "id", "?"),)
