import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stillhouse.core.errors import StillhouseError
from stillhouse.sources.cache import cache_root
from stillhouse.sources.model_folder import model_folder
from stillhouse.sources.pin import pin
from tests import tiny

TOKENS = ["<|pad|>", "<|im_start|>", "<|im_end|>", *map(chr, range(33, 127)), "Ġ", "Ċ", "Ġt", "th"]


def make_gguf(path: Path) -> None:
    """A Llama of one layer with random weights in eight bits, and a byte-pair tokenizer."""
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3] + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(["Ġ t", "t h"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template("{{ messages[0].content }}")
    shapes = {
        "token_embd": (len(TOKENS), 32),
        "output_norm": (32,),
        "blk.0.attn_norm": (32,),
        "blk.0.ffn_norm": (32,),
        "blk.0.attn_q": (32, 32),
        "blk.0.attn_k": (16, 32),
        "blk.0.attn_v": (16, 32),
        "blk.0.attn_output": (32, 32),
        "blk.0.ffn_gate": (64, 32),
        "blk.0.ffn_up": (64, 32),
        "blk.0.ffn_down": (32, 64),
    }
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        values = random.standard_normal(shape).astype(np.float32)
        kind = gguf.GGMLQuantizationType.Q8_0 if len(shape) == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(f"{name}.weight", gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.slow
def test_a_gguf_file_is_converted_once_and_loads(tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    make_gguf(tmp_path / "tiny.gguf")
    source = pin(tmp_path / "tiny.gguf")

    folder = model_folder(source)

    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.config.num_hidden_layers == 1
    assert "quantization_config" not in model.config.to_dict()
    assert tokenizer("the")["input_ids"] == [TOKENS.index("th"), TOKENS.index("e")]
    assert tokenizer.eos_token_id == model.generation_config.eos_token_id == 2
    assert tokenizer.chat_template
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert model_folder(source) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert [path.parent for path in cache_root().rglob("*.safetensors")] == [folder]


def test_a_folder_in_the_right_layout_is_used_as_it_is(tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    save_file({"weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    assert model_folder(pin(tmp_path)) == tmp_path


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises(StillhouseError, match=r"neither a config\.json nor one \.gguf"):
        model_folder(pin(tmp_path))


def save_pickled(folder: Path, *, legacy: bool = False, shards: int = 1) -> Path:
    """A tiny T5 as the hub had models of 2020: pickled, the embedding three times over."""
    from transformers import T5ForConditionalGeneration

    tiny.make_t5(folder)
    model = T5ForConditionalGeneration.from_pretrained(folder)
    state = model.state_dict() | {"encoder.embed_tokens.weight": model.shared.weight.data}
    (folder / "model.safetensors").unlink()
    if shards == 1:
        torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
        return folder
    places = {name: f"pytorch_model-{n % shards}.bin" for n, name in enumerate(state)}
    for file in set(places.values()):
        torch.save({n: t for n, t in state.items() if places[n] == file}, folder / file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    return folder


@pytest.mark.parametrize(
    "layout", [{}, {"legacy": True}, {"shards": 2}], ids=["archive", "legacy", "shards"]
)
def test_pickled_weights_are_converted_once_and_load(tmp_path, layout):
    from transformers import AutoTokenizer, T5ForConditionalGeneration

    source = pin(save_pickled(tmp_path / "old", **layout))
    folder = model_folder(source)
    assert not list(folder.glob("*.bin*"))
    model = T5ForConditionalGeneration.from_pretrained(folder)
    tiny.make_t5(tmp_path / "new")
    expected = T5ForConditionalGeneration.from_pretrained(tmp_path / "new").state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    assert AutoTokenizer.from_pretrained(folder).eos_token_id == 2
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert model_folder(source) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_does_more_than_hold_tensors_is_refused_and_not_run(tmp_path, legacy):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    content = {"weight": Hostile(tmp_path / "run")}
    torch.save(
        content,
        tmp_path / "model/pytorch_model.bin",
        _use_new_zipfile_serialization=not legacy,
    )
    with pytest.raises(StillhouseError, match="no plain pickle of tensors"):
        model_folder(pin(tmp_path / "model"))
    assert not (tmp_path / "run").exists()
    assert list(cache_root().rglob("*.safetensors")) == []


@pytest.mark.parametrize("content", [b"", b"half", b"PK\x03\x04"])
def test_a_damaged_pickle_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(StillhouseError, match="no plain pickle of tensors"):
        model_folder(pin(tmp_path))


def test_a_pickle_of_something_else_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    torch.save({"epoch": 3}, tmp_path / "pytorch_model.bin")
    with pytest.raises(StillhouseError, match="something else than named tensors"):
        model_folder(pin(tmp_path))
