"""Damaged files of strangers: one message that names source and file, before anything heavy."""

import json
import random
import shutil
import struct
import warnings
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.files import read_file
from stillhouse.sources.cache import cache_root
from stillhouse.sources.gguf_layout import require_gguf
from stillhouse.sources.model_files import require_sound
from stillhouse.sources.model_folder import model_folder
from stillhouse.sources.pin import pin
from stillhouse.sources.wheels import unpack
from stillhouse.students.weights import read_model, read_tokenizer
from tests.sources.test_model_folder import make_gguf

few = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def damages(draw):
    """Cut a file off, or change some of its bytes; the same kinds for any file."""
    if draw(st.booleans()):
        share = draw(st.floats(0, 0.999))
        return lambda content: content[: int(len(content) * share)]
    seed, count = draw(st.integers(0, 1 << 32)), draw(st.integers(1, 6))

    def flip(content):
        chosen, changed = random.Random(seed), bytearray(content)
        for _ in range(count):
            # Most of what can go wrong stands at the beginning or the end.
            where = chosen.choice([chosen.random() ** 4, chosen.random(), 1 - chosen.random() ** 4])
            place = min(int(where * len(changed)), len(changed) - 1)
            changed[place] = chosen.choice(
                [0, 0x7F, 0xFF, changed[place] ^ (1 << chosen.randrange(8))]
            )
        return bytes(changed)

    return flip


def refused_or_fine(work):
    """A clean run, or one message: nothing else comes out."""
    try:
        work()
    except StillhouseError as error:
        assert len(str(error)) < 1500, "one message, no dump"


@pytest.fixture(scope="module")
def gguf(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    make_gguf(path)
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("wheel") / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny/rows.jsonl", '{"text": "one two three"}\n' * 20)
        archive.writestr("tiny/sub/more.txt", "more")
    return path


@few
@given(damage=damages())
def test_a_damaged_wheel(tmp_path_factory, wheel, damage):
    folder = tmp_path_factory.mktemp("damaged")
    (folder / wheel.name).write_bytes(damage(wheel.read_bytes()))
    refused_or_fine(lambda: unpack(folder / wheel.name, ["tiny"], folder / "out"))


@few
@given(damage=damages())
def test_a_damaged_gguf_header(tmp_path_factory, gguf, damage):
    path = tmp_path_factory.mktemp("damaged") / gguf.name
    path.write_bytes(damage(gguf.read_bytes()))
    refused_or_fine(lambda: require_gguf(path, "the source"))


@few
@given(damage=damages(), name=st.sampled_from(["model.safetensors", "config.json"]))
def test_a_damaged_models_folder(tmp_path_factory, tiny_models, damage, name):
    folder = tmp_path_factory.mktemp("damaged") / "model"
    shutil.copytree(tiny_models / "decoder", folder)
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    refused_or_fine(lambda: require_sound(folder, "the source"))


@settings(few, max_examples=12)
@given(damage=damages(), name=st.sampled_from(["config.json", "model.safetensors"]))
def test_a_damaged_model_that_is_loaded_all_the_same(tmp_path_factory, tiny_models, damage, name):
    folder = tmp_path_factory.mktemp("damaged") / "model"
    shutil.copytree(tiny_models / "decoder", folder)
    content = (folder / name).read_bytes()
    if name == "config.json":  # only its text: a number that became huge is a huge model
        content = content.replace(b'"llama"', damage(b'"llama"'))
    else:
        content = damage(content)
    (folder / name).write_bytes(content)
    refused_or_fine(lambda: read_model(folder, "decoder", "float32"))


@settings(few, max_examples=12)
@given(damage=damages(), name=st.sampled_from(["tokenizer.json", "tokenizer_config.json"]))
def test_a_damaged_tokenizer(tmp_path_factory, tiny_models, damage, name):
    folder = tmp_path_factory.mktemp("damaged") / "model"
    shutil.copytree(tiny_models / "decoder", folder)
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    refused_or_fine(lambda: read_tokenizer(folder))


@few
@given(damage=damages())
def test_a_damaged_table(tmp_path_factory, damage):
    path = tmp_path_factory.mktemp("damaged") / "rows.parquet"
    pq.write_table(pa.table({"query": ["one", "two"] * 20, "number": range(40)}), path)
    path.write_bytes(damage(path.read_bytes()))
    refused_or_fine(lambda: read_file(path))


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("config.json", DEEP, "nested too deeply"),
        ("config.json", '{"hidden_size": ', "not well-formed JSON"),
        ("config.json", "[]", "should be a JSON object"),
        ("tokenizer_config.json", DEEP, "nested too deeply"),
        ("generation_config.json", "{", "not well-formed JSON"),
        ("model.safetensors", "", "no readable safetensors file"),
        ("model.safetensors", "x" * 100, "no readable safetensors file"),
        ("model.safetensors.index.json", DEEP, "nested too deeply"),
        ("model.safetensors.index.json", "{}", "no `weight_map`"),
        ("model.safetensors.index.json", '{"weight_map": {"a": "gone.safetensors"}}', "not there"),
        ("model.safetensors.index.json", '{"weight_map": {"a": 3}}', "names 3 as a file"),
    ],
)
def test_the_damaged_file_and_the_source_are_named(tmp_path, tiny_models, name, content, says):
    shutil.copytree(tiny_models / "decoder", tmp_path / "model")
    (tmp_path / "model" / name).write_text(content)
    source = pin(tmp_path / "model")
    with pytest.raises(StillhouseError, match=says) as error:
        model_folder(source)
    assert str(tmp_path / "model" / name) in str(error.value)
    assert source in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("index", ["model.safetensors.index.json", "pytorch_model.bin.index.json"])
@pytest.mark.parametrize("name", ["../other/model.safetensors", "/etc/passwd", "sub/x", "..", ""])
def test_an_index_that_leaves_the_folder_is_refused(tmp_path, tiny_models, index, name):
    shutil.copytree(tiny_models / "decoder", tmp_path / "model")
    shutil.copytree(tiny_models / "decoder", tmp_path / "other")
    if index.startswith("pytorch"):
        (tmp_path / "model/model.safetensors").unlink()
    (tmp_path / "model" / index).write_text(json.dumps({"weight_map": {"lm_head.weight": name}}))
    with pytest.raises(StillhouseError, match="nothing outside is read"):
        model_folder(pin(tmp_path / "model"))


@pytest.mark.parametrize("lost", ["model.layers.1.mlp.up_proj.weight", "model.embed_tokens.weight"])
def test_weights_that_would_be_random_are_refused(tmp_path, tiny_models, lost):
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny_models / "decoder", tmp_path / "model")
    tensors = load_file(tmp_path / "model/model.safetensors")
    del tensors[lost]
    save_file(tensors, tmp_path / "model/model.safetensors", metadata={"format": "pt"})
    with pytest.raises(StillhouseError, match=rf"lacks 1 of the model's weights, {lost}"):
        read_model(tmp_path / "model", "decoder", "float32")


def test_a_configuration_that_fits_no_weights_is_one_message(tmp_path, tiny_models):
    shutil.copytree(tiny_models / "decoder", tmp_path / "model")
    values = json.loads((tmp_path / "model/config.json").read_text())
    for change in ({"hidden_size": "wide"}, {"model_type": "no such"}, {"num_attention_heads": 0}):
        (tmp_path / "model/config.json").write_text(json.dumps(values | change))
        with pytest.raises(StillhouseError, match=f"The model in {tmp_path / 'model'} cannot be"):
            read_model(tmp_path / "model", "decoder", "float32")


def huge_list(content: bytes) -> bytes:
    """The list of tokens says that it has 2 to the 60 members, which a reader would follow."""
    place = content.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens") + 8
    return content[:place] + struct.pack("<Q", 1 << 60) + content[place + 8 :]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (huge_list, "counts more than it holds"),
        (lambda content: content[:4], "cut off"),
        (lambda content: content[:200], "cut off"),
        (lambda content: content[:-4000], "tensor lies beyond its end|lacks|cannot be loaded"),
        (lambda content: content[:4] + struct.pack("<I", 9) + content[8:], "it has version 9"),
        (lambda content: content[:8] + struct.pack("<Q", 1 << 62) + content[16:], "cut off"),
        (lambda content: content[:16] + struct.pack("<Q", 1 << 62) + content[24:], "cut off"),
        (lambda content: content[:8] + struct.pack("<Q", 0) + content[16:], "no tensors"),
    ],
)
def test_a_damaged_gguf_is_one_message_and_leaves_nothing(tmp_path, gguf, damage, says):
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damage(gguf.read_bytes()))
    source = pin(path)
    with pytest.raises(StillhouseError, match=says) as error:
        model_folder(source)
    assert str(path) in str(error.value)
    assert source in str(error.value)
    assert not list(cache_root().rglob("*.safetensors"))


def test_a_gguf_without_one_of_its_tensors_is_refused(tmp_path, gguf):
    path = tmp_path / "renamed.gguf"
    path.write_bytes(gguf.read_bytes().replace(b"blk.0.attn_q", b"blk.0.attn_x"))
    with pytest.raises(StillhouseError, match=r"lacks|cannot be loaded"):
        model_folder(pin(path))
    assert not list(cache_root().rglob("*.safetensors"))


def archive(path: Path, members: list[tuple[str, str]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there already
        for name, text in members:
            made.writestr(name, text)
    return path


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([("t/a", "1"), ("t/a/b", "2")], "as a file and, for 't/a/b', as a folder"),
        ([("t/a/b", "2"), ("t/a", "1")], "as a file and, for 't/a/b', as a folder"),
        ([("t/a", "1"), ("t/a", "2")], "two members of one name"),
        ([("t/a", "1"), ("t/./a", "2")], "two members of one name"),
        ([("t/Rows", "1"), ("t/rows", "2")], "two members of one name"),
        ([("t/\u00e9", "1"), ("t/e\u0301", "2")], "two members of one name"),
        ([("t/a\nb", "1")], "whose name"),
        ([("t/a", "0" * 3_000_000)], "more than 200 times its size"),
    ],
)
def test_a_wheel_that_means_two_things_is_refused(tmp_path, monkeypatch, members, says):
    monkeypatch.setattr("stillhouse.sources.wheels.PLAUSIBLE", 1_000_000)
    path = archive(tmp_path / "bad-1.0-py3-none-any.whl", members)
    with pytest.raises(StillhouseError, match=says) as error:
        unpack(path, [""], tmp_path / "out")
    assert path.name in str(error.value)
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]


def flags(content: bytes, value: int) -> bytes:
    """The archive with the general-purpose flags of every member set to `value`."""
    changed = bytearray(content)
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := content.find(magic, place + 1)) >= 0:
            changed[place + offset : place + offset + 2] = struct.pack("<H", value)
    return bytes(changed)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: flags(content, 1), "encrypted"),
        (lambda content: content.replace(b"one two three", b"one two threX"), "Bad CRC-32"),
        (lambda content: content[:-30], "not a zip file"),
        (lambda content: b"", "not a zip file"),
    ],
)
def test_a_wheel_that_cannot_be_unpacked_says_why(tmp_path, damage, says):
    path = tmp_path / "bad-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("t/rows", "one two three")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StillhouseError, match=says) as error:
        unpack(path, ["t"], tmp_path / "out")
    assert path.name in str(error.value)


def test_a_member_gives_no_more_than_it_declares(tmp_path):
    path = tmp_path / "bad-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("t/rows", "0" * 3_000_000)
    content = path.read_bytes().replace(struct.pack("<I", 3_000_000), struct.pack("<I", 10))
    path.write_bytes(content)
    with pytest.raises(StillhouseError, match="cannot be unpacked"):
        unpack(path, ["t"], tmp_path / "out")
    assert all(
        file.stat().st_size <= 10 for file in (tmp_path / "out").rglob("*") if file.is_file()
    )
