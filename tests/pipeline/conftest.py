"""The pipeline's workspaces: one is built, once for all test processes, and then copied."""

import os
from pathlib import Path

import pytest

from tests import tiny
from tests.pipeline.workspace import Workspace, create


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    parent = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = parent / "pipeline"
    folder.mkdir(exist_ok=True)
    return folder


def make_models(folder: Path) -> Path:
    """The tiny models, and another one of each kind that differs in its weights."""
    tiny.make_decoder(folder / "decoder")
    tiny.make_decoder(folder / "decoder_other", seed=1)
    tiny.make_bert(folder / "bert")
    tiny.make_bert(folder / "bert_other", seed=1)
    return folder


@pytest.fixture(scope="session")
def template(shared_folder, fast):
    """A workspace after its first `dvc repro`, committed; tests copy it."""
    from filelock import FileLock

    with FileLock(shared_folder / "lock"):
        if not (shared_folder / "ready").exists():
            models = make_models(shared_folder / "models")
            built = create(shared_folder / "repository", models, fast)
            built.dvc("repro")
            built.commit()
            (shared_folder / "ready").touch()
    return Workspace(shared_folder / "repository", fast)


@pytest.fixture
def workspace(template, fast, tmp_path):
    """A copy of the built workspace, to change."""
    return template.copy(tmp_path / "repository", fast)
