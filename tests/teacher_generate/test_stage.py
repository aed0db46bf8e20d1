"""The stage script stays light: DVC starts it on every run."""

import subprocess
import sys

from tests.conftest import REPOSITORY

HEAVY = {"torch", "transformers", "aiohttp", "vllm", "datasets", "rich"}


def test_importing_the_stage_imports_nothing_heavy():
    code = (
        "import sys; sys.path[:0] = ['src', '.']; import stages.teacher_generate; "
        f"heavy = {HEAVY} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)
