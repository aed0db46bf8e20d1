"""Two runs from nothing, in other processes and folders, give the same bytes and figures."""

import pytest

from tests.pipeline.workspace import create
from tests.zygote import fast_python

pytestmark = pytest.mark.slow

TABLES = (
    "examples",
    "embeddings",
    "exemplars",
    "prompts",
    "completions",
    "parsed",
    "chosen",
    "training",
    "references",
)


def test_two_runs_from_nothing_agree(template, shared_folder, tmp_path):
    with fast_python(tmp_path / "bin", hash_seed=1) as python:
        again = create(tmp_path / "repository", shared_folder / "models", python)
        again.dvc("repro")
    for table in TABLES:
        name = f"data/{table}.parquet"
        assert (again.path / name).read_bytes() == (template.path / name).read_bytes(), name
    page = "report.html"
    assert (again.path / page).read_bytes() == (template.path / page).read_bytes()
    metrics = sorted(p.relative_to(template.path) for p in template.path.glob("metrics/**/*.json"))
    assert len(metrics) >= 9
    for name in metrics:
        assert again.read(str(name)) == template.read(str(name)), name
