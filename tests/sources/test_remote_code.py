"""No code of a model's folder runs, whatever standard input says; a conf allows it by name."""

import io
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.embed.embed import embeddings_for
from stillhouse.sources.model_folder import model_folder
from stillhouse.sources.pin import pin
from stillhouse.sources.remote_code import EMBEDDING, needs_code
from stillhouse.students import weights
from stillhouse.students.folder import load_student
from stillhouse.teacher_generate.backends import engine
from stillhouse.teacher_generate.backends import transformers as local

CODE = """
from pathlib import Path
Path({mark!r}).touch()
from transformers import {config}, {model}, PreTrainedTokenizerFast
class OwnConfig({config}):
    model_type = "own"
class OwnModel({model}):
    config_class = OwnConfig
class OwnTokenizer(PreTrainedTokenizerFast):
    pass
"""
CLASSES = {
    "decoder": ("LlamaConfig", "LlamaForCausalLM", "AutoModelForCausalLM"),
    "bert": ("BertConfig", "BertModel", "AutoModel"),
}
ROWS = [{"id": "r1", "split": "train", "query": "the quick fox"}]


@pytest.fixture(autouse=True)
def yes(monkeypatch, tmp_path):
    """Standard input that agrees to anything, and a place of its own for copied code."""
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n" * 100))
    modules = str(tmp_path / "modules")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", modules)


@pytest.fixture
def mark(tmp_path) -> Path:
    return tmp_path / "the code ran"


def edit(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(values))


@pytest.fixture
def with_code(tmp_path, tiny_models, mark):
    """A copy of a tiny model whose `parts` are classes of its own."""

    def make(kind: str, *parts: str, model_type: str | None = "own") -> Path:
        folder = tmp_path / f"{kind}-with-code"
        shutil.copytree(tiny_models / kind, folder)
        config, model, auto = CLASSES[kind]
        code = CODE.format(mark=str(mark), config=config, model=model)
        (folder / "own.py").write_text(code)
        named = {"config": {"AutoConfig": "own.OwnConfig"}, "model": {auto: "own.OwnModel"}}
        found = {key: value for part in parts for key, value in named.get(part, {}).items()}
        edit(
            folder / "config.json",
            auto_map=found,
            **({"model_type": model_type} if model_type else {}),
        )
        if "tokenizer" in parts:
            edit(
                folder / "tokenizer_config.json",
                auto_map={"AutoTokenizer": [None, "own.OwnTokenizer"]},
                tokenizer_class="OwnTokenizer",
            )
        return folder

    return make


def teacher(folder: Path, backend: str = "transformers", **model: object) -> TeacherConf:
    return TeacherConf.model_validate(
        {
            "description": "Tiny", "format": "plain", "context": 128,
            "model": {"name": "tiny", "source": pin(folder), "dtype": "float32", **model},
            "decoding": {"max_tokens": 4},
            "compute": {"backend": backend} | ({"device": "cpu"} if backend != "vllm" else {}),
        }
    )  # fmt: skip


def embedded(conf: EmbedderConf, examples: list[dict[str, str]]) -> pa.Table:
    return embeddings_for("topk", conf, examples)[0]


def embedder(folder: Path, **changes: object) -> EmbedderConf:
    values = {
        "description": "Tiny", "kind": "mean_pooling", "source": pin(folder),
        "max_tokens": 64, "normalise": False, "compute": {"device": "cpu"},
    }  # fmt: skip
    return EmbedderConf.model_validate(values | changes)


def manifest(folder: Path) -> Path:
    """The folder as a saved student."""
    templates = {"label_prefix": "a", "rationale_prefix": "b", "query": "{{ query }}{{ prefix }}"}
    values = {
        "format": 1, "family": "decoder", "precision": "float32", "templates": templates,
        "max_query_tokens": 32, "max_target_tokens": 8, "training": {},
    }  # fmt: skip
    (folder / "stillhouse.json").write_text(json.dumps(values))
    return folder


USES = {
    "student": lambda folder: weights.read_model(folder, "decoder", "float32"),
    "student's tokenizer": weights.read_tokenizer,
    "predict": lambda folder: load_student(manifest(folder)),
    "teacher": lambda folder: local.open_teacher(teacher(folder)),
    "engine": lambda folder: engine.engine_options(teacher(folder, "vllm"), folder),
    "engine's tokenizer": lambda folder: engine.PromptEncoder(teacher(folder), folder),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("parts", [("config", "model"), ("config",), ("config", "tokenizer")])
def test_a_folder_that_wants_to_run_code_is_named_and_nothing_runs(with_code, mark, use, parts):
    folder = with_code("decoder", *parts)
    with pytest.raises(StillhouseError, match=r"None of it was run") as error:
        USES[use](folder)
    assert str(folder) in str(error.value)
    assert "config.json" in str(error.value)
    assert "own.Own" in str(error.value)
    assert not mark.exists()


def test_a_tokenizer_that_wants_to_run_code_is_named(with_code, mark):
    folder = with_code("decoder", "tokenizer", model_type="vit")  # has no tokenizer of its own
    edit(folder / "config.json", auto_map={})
    for use in (weights.read_tokenizer, lambda path: local.open_teacher(teacher(path))):
        with pytest.raises(StillhouseError, match=r"tokenizer_config\.json names .*own\.OwnTok"):
            use(folder)
    assert not mark.exists()


def test_an_embedder_that_wants_to_run_code_is_named(with_code, mark):
    folder = with_code("bert", "config", "model")
    with pytest.raises(StillhouseError, match=r"trust_remote_code: true` beside the `source`"):
        embedded(embedder(folder), ROWS)
    assert not mark.exists()


MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


@pytest.fixture
def sentences(tmp_path, tiny_models):
    """A sentence-transformers folder."""
    folder = tmp_path / "sentences"
    shutil.copytree(tiny_models / "bert", folder)
    (folder / "modules.json").write_text(json.dumps(MODULES))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling))
    return folder


def test_a_sentence_transformer_without_code_loads(sentences):
    edit(sentences / "config.json", activation_function="gelu_new")
    (sentences / "data_config.json").write_text("[]")  # of the one who trained it; nothing reads it
    conf = embedder(sentences, kind="sentence_transformers")
    assert embedded(conf, ROWS).num_rows == 1


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("modules.json", {"type": "own.Pool"}, r"modules\.json names 'own\.Pool' as its type"),
        ("modules.json", {"type": "os.path"}, r"names 'os\.path'"),
        ("1_Pooling/config.json", {"activation_function": "own.Act"}, "activation_function"),
        ("1_Pooling/router_config.json", {"types": {"a": "own.Pool"}}, r"'own\.Pool' as its types"),
        ("1_Pooling/wordembedding_config.json", {"tokenizer_class": "own.T"}, r"'own\.T'"),
    ],
)
def test_modules_of_a_strangers_code_are_named(sentences, mark, name, changes, says):
    (sentences / "own.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\n")
    if name == "modules.json":
        (sentences / name).write_text(json.dumps([MODULES[0], MODULES[1] | changes]))
    else:
        (sentences / name).write_text(json.dumps(changes))
    with pytest.raises(StillhouseError, match=says):
        embedded(embedder(sentences, kind="sentence_transformers"), ROWS)
    assert not mark.exists()


@pytest.mark.parametrize("place", ["../elsewhere", "/tmp", "a/../../b"])
def test_a_module_outside_the_folder_is_refused(sentences, place):
    (sentences / "modules.json").write_text(json.dumps([MODULES[0] | {"path": place}]))
    with pytest.raises(StillhouseError, match=r"modules\.json has a module at"):
        embedded(embedder(sentences, kind="sentence_transformers"), ROWS)


def test_an_attention_of_a_repository_is_refused(with_code):
    folder = with_code("decoder", model_type=None)
    edit(folder / "config.json", attn_implementation={"text_config": "someone/kernel"})
    with pytest.raises(StillhouseError, match=r"attention from 'someone/kernel'"):
        local.open_teacher(teacher(folder, trust_remote_code=True))


def test_the_conf_allows_it_by_name(with_code, mark):
    folder = with_code("decoder", "config", "model")
    opened = local.open_teacher(teacher(folder, trust_remote_code=True))
    opened.close()
    assert mark.exists()
    assert engine.engine_options(teacher(folder, "vllm", trust_remote_code=True), folder)[
        "trust_remote_code"
    ]


def test_an_allowed_embedder_runs_its_code(with_code, mark):
    folder = with_code("bert", "config", "model")
    assert embedded(embedder(folder, trust_remote_code=True), ROWS).num_rows == 1
    assert mark.exists()


@pytest.mark.parametrize("allowed", [False, True])
def test_the_librarys_own_class_is_taken_where_it_fits_allowed_or_not(with_code, mark, allowed):
    folder = with_code("decoder", "config", "model", model_type=None)
    opened = local.open_teacher(teacher(folder, trust_remote_code=allowed))
    opened.close()
    weights.read_model(folder, "decoder", "float32")
    assert not mark.exists(), "a permission changes no result"


def test_a_librarys_class_that_the_weights_do_not_fit_is_not_taken(with_code, mark):
    from safetensors.torch import load_file, save_file

    folder = with_code("bert", "config", "model", model_type=None)
    tensors = load_file(folder / "model.safetensors")
    other = {name.replace("position_embeddings", "alibi"): t for name, t in tensors.items()}
    save_file(other, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(StillhouseError, match=r"names 'own\.OwnModel' as its AutoModel"):
        embedded(embedder(folder), ROWS)
    assert not mark.exists()


def test_a_folder_without_code_needs_none(tiny_models):
    assert not needs_code(tiny_models / "bert", "x", EMBEDDING, allowed=False)


def test_adapters_beside_the_weights_are_refused(tmp_path, tiny_models):
    shutil.copytree(tiny_models / "decoder", tmp_path / "model")
    (tmp_path / "model/adapter_config.json").write_text('{"base_model_name_or_path": "a/b"}')
    with pytest.raises(StillhouseError, match=r"adapter_config\.json says that adapters"):
        model_folder(pin(tmp_path / "model"))


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_of_another_repository_is_refused_where_it_is_needed(with_code, mark, name):
    named = "someone/else--own.OwnClass"
    changes = {
        "config.json": {"AutoConfig": named, "AutoModelForCausalLM": "own.OwnModel"},
        "tokenizer_config.json": {"AutoTokenizer": [None, named]},
    }
    folder = with_code("decoder", "config", "model")
    edit(folder / name, auto_map=changes[name])
    with pytest.raises(StillhouseError, match=r"another repository, 'someone/else--own\.Own"):
        local.open_teacher(teacher(folder, trust_remote_code=True))
    edit(folder / "config.json", model_type="llama")  # the library's own class will do
    local.open_teacher(teacher(folder, trust_remote_code=True)).close()
    assert not mark.exists()


def test_a_hub_repositorys_code_is_fetched_only_where_it_may_run(monkeypatch):
    asked = []

    def snapshot(*_names, allow_patterns, ignore_patterns, **_more):
        asked.append(("*.py" in allow_patterns, "*.py" in ignore_patterns))
        raise OSError("no hub here")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    for code in (False, True):
        with pytest.raises(StillhouseError):
            model_folder(f"hf://org/model@{'a' * 40}", code=code)
    assert asked == [(False, True), (True, False)]
