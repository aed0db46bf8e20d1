"""What really runs in a stage is in its fingerprint: no edit of it can leave a stale table."""

from pathlib import Path

import pytest
import yaml

from stillhouse.code.fingerprint import Sources, fingerprint, presents
from tests.conftest import REPOSITORY
from tests.pipeline.test_reruns import MATRIX
from tests.pipeline.test_static import CONFIGURED

pytestmark = pytest.mark.slow
CALLS = Path(__file__).parent / "calls.py"


def test_all_that_runs_in_a_stage_is_in_its_fingerprint(workspace):
    # All have work to do.
    workspace.edit("params.yaml", feedback="hard", tau=0.5, synthetic=4, limit=12)
    workspace.edit("params.yaml", zero_shot=["teacher:tiny"])
    workspace.edit("conf/search/tiny.yaml", prompts=["tiny", "other"], halving={"first_rows": 4})
    splits = yaml.safe_load((workspace.path / "conf/dataset/tiny.yaml").read_text())["splits"]
    splits["validation"] = {"hold_out_from": "train", "rows": 8, "share": 0.5}
    workspace.edit("conf/dataset/tiny.yaml", splits=splits)
    workspace.dvc("repro")
    workspace.env["PYTHONPATH"] = "src"
    sources = Sources(REPOSITORY / "src/stillhouse", REPOSITORY / "stages")
    for stage in CONFIGURED:
        seed = ["0"] if stage in MATRIX else []
        workspace.run("python", str(CALLS), "ran.json", f"stages/{stage}.py", *seed)
        ran = {(module, name) for module, name in workspace.read("ran.json")}
        places = {tuple(place.split(":")) for place in fingerprint(stage, sources).definitions}
        # A definition that registers itself is part of what its module does.
        missing = {
            place
            for place in ran
            if not presents(place[0])
            and place[1] not in ("<module>", "<lambda>")
            and not {place, (place[0], "")} & places
        }
        assert len(ran) > 20, stage
        assert missing == set(), stage
