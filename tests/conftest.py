"""Fixtures that every test may use: isolated state, tiny real models, the benchmark data."""

import os
import signal
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A shell starts background jobs with Ctrl-C ignored, and what tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def isolated_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """No test touches the user's cache, store or mirror."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("STILLHOUSE_CACHE", str(home / "cache"))
    monkeypatch.setenv("STILLHOUSE_STORE", str(home / "store"))
    monkeypatch.setenv("DVC_ROOT", str(home))
    monkeypatch.delenv("STILLHOUSE_MIRROR", raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real datasets and published teacher outputs, where they are at hand."""
    if not SHARED_DATA.exists():
        pytest.skip(f"the benchmark data is not here ({SHARED_DATA})")
    return SHARED_DATA


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `decoder`, `t5` and `bert`: real architectures, tiny, random weights."""
    from tests import tiny

    folder = tmp_path_factory.mktemp("models")
    tiny.make_all(folder)
    return folder
