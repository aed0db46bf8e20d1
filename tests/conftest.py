"""Fixtures that every test may use: isolated state, tiny real models, the benchmark data.

What the user's shell, Git, terminal or hub client are set to must decide no test: it is taken out
of the environment here, before anything is imported that reads it.
"""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import pytest

from tests.zygote import fast_python

THE_USERS = re.compile(
    r"""
    (STILLHOUSE|DVC|GIT|HF|HUGGING_FACE|OPENAI|AWS)_.*  # settings, keys, and a Git hook's own
    | COLUMNS | LINES | TERM | NO_COLOR | FORCE_COLOR | CLICOLOR.* | PY_COLORS | TTY_.*
    | CI | GITHUB_ACTIONS  # by which libraries guess what the terminal can do
    | no_proxy
    | RANK | LOCAL_RANK | WORLD_SIZE | MASTER_.* | ACCELERATE_.*  # of a launcher or a cluster
    | PYTHONWARNINGS | PYTHONOPTIMIZE | PYTHONUNBUFFERED
    """,
    re.VERBOSE | re.IGNORECASE,
)

USERS_CACHE = os.environ.get("STILLHOUSE_CACHE")
SCRATCH = TemporaryDirectory(prefix="stillhouse-tests-")
"""Removed when the process ends."""
Path(SCRATCH.name, "empty").touch()

for name in filter(THE_USERS.fullmatch, list(os.environ)):
    del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": f"{SCRATCH.name}/empty",
    "AWS_SHARED_CREDENTIALS_FILE": f"{SCRATCH.name}/empty",
    "DVC_GLOBAL_CONFIG_DIR": f"{SCRATCH.name}/dvc/global",
    "DVC_NO_ANALYTICS": "1",
    "DVC_SITE_CACHE_DIR": f"{SCRATCH.name}/dvc/site",
    "DVC_STUDIO_OFFLINE": "1",
    "DVC_SYSTEM_CONFIG_DIR": f"{SCRATCH.name}/dvc/system",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    # Git refuses a checkout that belongs to another user, as one mounted into a container does.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
    "HF_HOME": f"{SCRATCH.name}/hub",
    "HF_HUB_OFFLINE": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "TERM": "dumb",
    "TOKENIZERS_PARALLELISM": "false",
}
# What is equal to the last bit on a CPU need not be on a GPU; set, the variable stays.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
# A shell starts background jobs with Ctrl-C ignored, and what tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The same examples every time, however long one takes; `--hypothesis-profile=new` draws others.
hypothesis.settings.register_profile("new", deadline=None, database=None)
hypothesis.settings.register_profile(
    "same",
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")

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
def shared_cases() -> Path:
    """Small inputs on which parsers fail, where they are at hand."""
    folder = SHARED_DATA.parent / "cases"
    if not folder.exists():
        pytest.skip(f"the shared cases are not here ({folder})")
    return folder


@pytest.fixture(scope="session")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a `python` and a `dvc` that start quickly."""
    with fast_python(tmp_path_factory.mktemp("zygote") / "bin") as folder:
        yield folder


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `decoder`, `t5` and `bert`: real architectures, tiny, random weights."""
    from tests import tiny

    folder = tmp_path_factory.mktemp("models")
    tiny.make_all(folder)
    return folder
