"""Every shipped student: pinned, as published, and trained for a step with tiny sizes."""

from pathlib import Path
from typing import Any

import pytest

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import OF_PROMPT, StudentConf
from stillhouse.config.whole import load_entry, names
from stillhouse.core.uri import UNPINNED, parse_source
from stillhouse.prompt.asked import asked_of_student
from stillhouse.students.asked import with_prompt
from stillhouse.students.folder import load_student
from stillhouse.students.predict import predict_labels
from stillhouse.train_student.training import train_student
from tests.conftest import REPOSITORY
from tests.students.conftest import TINY, rows

ALL = names("student", REPOSITORY)
CONFS = {name: load_entry(StudentConf, name, REPOSITORY) for name in ALL}
TRAINED = [name for name in ALL if not CONFS[name].is_served]
T5 = {"model_type": "t5", "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
DECODER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
SCALING = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
# What is particular to each one's architecture stays; its sizes do not.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "t5_v1_1": T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "t5_tiny": T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "flan_t5": T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "smollm2": {"model_type": "llama"} | DECODER | {"tie_word_embeddings": True},
    "llama3_1": {"model_type": "llama"} | DECODER | {"rope_parameters": SCALING},
    "mistral": {"model_type": "mistral"} | DECODER | {"sliding_window": None},
}


def tiny(name: str) -> StudentConf:
    """The conf with random weights of small sizes, one step, and adapters in full precision."""
    conf = CONFS[name]
    (architecture,) = [kept for start, kept in ARCHITECTURES.items() if name.startswith(start)]
    smaller: dict[str, Any] = {"epochs": None, "steps": 1, "batch_size": 4}
    if conf.training.method == "qlora":
        smaller["method"] = "lora"
    if conf.training.trainable_layers:
        smaller["trainable_layers"] = 1
    values = conf.model_dump() | {
        "model": conf.model.model_dump()
        | {"source": None, "architecture": architecture, "tokenizer": f"{TINY}decoder"},
        "training": conf.training.model_dump() | smaller,
        "decoding": conf.decoding.model_dump() | {"max_tokens": 4},
        "compute": conf.compute.model_dump() | {"device": "cpu"},
    }
    return StudentConf.model_validate(values)


@pytest.mark.parametrize("name", TRAINED)
def test_a_shipped_student_trains_and_predicts_with_tiny_sizes(tmp_path: Path, name: str):
    conf = tiny(name)
    by_prompt = conf.templates == OF_PROMPT
    if by_prompt:
        prompt = load_entry(PromptConf, "vanilla", REPOSITORY)
        dataset = load_entry(DatasetConf, "anli_r1", REPOSITORY)
        conf = with_prompt(conf, asked_of_student(prompt, dataset))
    lambda_ = 0.0 if by_prompt else 0.5
    curve = train_student(rows(4), conf, lambda_, 0, tmp_path / "student")
    assert len(curve.losses) == 1
    assert all(value > 0 for value in curve.losses[0][: 1 if by_prompt else 2])
    student = load_student(tmp_path / "student")
    choices = {"a": ("yes", "no")} if conf.decoding.decode == "choices" else None
    asked = {"a": "how many apples?"}
    found = predict_labels(student, asked, conf.decoding, conf.compute, choices)
    assert found.keys() == {"a"}


def test_students_are_pinned_but_those_of_which_no_commit_is_known():
    models = {name: CONFS[name].model for name in TRAINED}
    sources = {name: model.source or model.tokenizer for name, model in models.items()}
    for source in sources.values():
        assert source is not None
        parse_source(source)  # fails without a pin
    unpinned = {name for name, source in sources.items() if str(source).endswith(f"#{UNPINNED}")}
    assert unpinned == {"t5_v1_1_small", "t5_v1_1_xl"}
    for name in unpinned:
        assert "No commit" in (REPOSITORY / f"conf/student/{name}.yaml").read_text()


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith(("t5_v1_1", "flan"))])
def test_t5_students_have_the_settings_of_hsieh_et_al(name: str):
    conf = CONFS[name]
    model, training = conf.model, conf.training
    assert (training.steps, training.batch_size, training.learning_rate) == (10_000, 64, 5e-5)
    assert (training.schedule, training.warmup_share) == ("linear", 0.0)
    assert (model.max_query_tokens, model.max_target_tokens) == (1024, 256)
    assert (conf.decoding.max_tokens, conf.training.method) == (64, "full")
    assert (conf.templates.label_prefix, conf.templates.rationale_prefix) == (
        "predict: ",
        "explain: ",
    )


def test_adapted_students_have_the_settings_of_their_papers():
    mistral = CONFS["mistral_7b"]
    training = mistral.training
    assert training.lora is not None
    assert (training.method, training.lora.rank, training.lora.alpha) == ("qlora", 64, 64)
    assert (training.epochs, training.batch_size) == (2, 24)
    assert mistral.model.max_query_tokens + mistral.model.max_target_tokens == 1024
    for name in ("llama3_1_8b", "llama3_1_70b"):
        assert (CONFS[name].training.epochs, CONFS[name].training.learning_rate) == (5, 2e-5)
