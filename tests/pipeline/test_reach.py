"""What really runs in a stage is in its fingerprint: no edit of it can leave a stale table."""

from pathlib import Path

import pytest

from stillhouse.code.fingerprint import Sources, fingerprint, presents
from tests.conftest import REPOSITORY
from tests.pipeline.test_reruns import MATRIX
from tests.pipeline.test_static import CONFIGURED

pytestmark = pytest.mark.slow
CALLS = Path(__file__).parent / "calls.py"


@pytest.fixture(scope="module")
def with_feedback(template, fast, tmp_path_factory):
    """A workspace in which every stage has something to do."""
    workspace = template.copy(tmp_path_factory.mktemp("reach") / "repository", fast)
    workspace.edit("params.yaml", feedback="hard", tau=0.5, synthetic=4)
    workspace.dvc("repro")
    workspace.env["PYTHONPATH"] = "src"
    return workspace


@pytest.mark.parametrize("stage", CONFIGURED)
def test_all_that_runs_is_in_the_fingerprint(with_feedback, stage):
    seed = ["0"] if stage in MATRIX else []
    script = f"stages/{stage}.py"
    with_feedback.run("python", str(CALLS), "ran.json", script, *seed)
    ran = {(module, name) for module, name in with_feedback.read("ran.json")}
    sources = Sources(REPOSITORY / "src/stillhouse", REPOSITORY / "stages")
    places = {tuple(place.split(":")) for place in fingerprint(stage, sources).definitions}
    missing = {
        f"{module}:{name}"
        for module, name in ran
        if not presents(module) and name not in ("<module>", "<lambda>")
        # A definition that registers itself is part of what its module does.
        and (module, name) not in places and (module, "") not in places
    }  # fmt: skip
    assert len(ran) > 20
    assert missing == set()
