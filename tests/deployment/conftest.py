"""A tiny trained student's folder, as the stages leave it, and copies of it elsewhere."""

import shutil
from pathlib import Path

import pytest

from stillhouse.config.student import StudentCompute, StudentConf, StudentDecoding
from stillhouse.core.files import write_json
from stillhouse.sources.pin import pin
from stillhouse.students.folder import save_student, untrained_student
from stillhouse.students.serving import make_serving

CPU = StudentCompute(device="cpu")
DECODING = StudentDecoding(max_tokens=6, stop=("\n",))
INPUTS = {
    "query": "Review: {{ text }}\nGood or bad?",
    "choices": ["good", "bad"],
    "columns": ["text"],
    "optional": [],
    "quoting": None,
    "separator": None,
    "example": None,
}
TWO = {
    "query": '{{ title }}: {{ row["full text"] }}',
    "choices": "options",
    "columns": ["title", "full text", "options"],
    "optional": ["title"],
    "quoting": "none",
    "separator": "|",
    "example": None,
}
FREE = INPUTS | {"choices": []}
MEASURED = {"temperature": 2.0, "validation_rows": 40, "ece": 0.2, "calibrated_ece": 0.05}


def conf(models: Path, family: str = "decoder", source: str = "decoder") -> StudentConf:
    return StudentConf.model_validate(
        {
            "description": "tiny",
            "model": {
                "family": family,
                "source": pin(models / source),
                "max_query_tokens": 128,
                "max_target_tokens": 12,
            },
            "templates": {
                "query": "{{ query }}\n{{ prefix }}",
                "target": " {{ target }}",
                "label_prefix": "Answer:",
                "rationale_prefix": "Explain:",
            },
            "training": {"epochs": 1, "batch_size": 4, "learning_rate": 1e-2},
            "decoding": {"max_tokens": 6},
        }
    )


def serve_with(folder, inputs=INPUTS, decoding=DECODING, measured=None, metric="choice"):
    """Write how a student is asked into its folder."""
    serving = make_serving(inputs, metric, decoding, measured or {}, inputs["example"])
    write_json(folder / "serving.json", serving.written())


@pytest.fixture(scope="session")
def trained(tiny_models, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "seed=0"
    student = untrained_student(conf(tiny_models))
    save_student(folder / "model", student, "float32", {"rationales": 5})
    serve_with(folder)
    return folder


@pytest.fixture
def elsewhere(trained, tmp_path, monkeypatch) -> Path:
    """A copy of the folder, with no repository around it."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(trained, tmp_path / "copy")
