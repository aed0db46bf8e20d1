"""A search in a project of DVC: the choice is a file, and later stages follow it."""

import json
from pathlib import Path

import pytest
import yaml

from stillhouse.core import tables
from tests.pipeline.workspace import Workspace, write_yaml

pytestmark = pytest.mark.slow

RIGHT = (
    "The answer is {{ 'blue' if 'blue.' in prompt and 'Be good' in prompt or 'red.' in prompt and "
    "'Be good' not in prompt else 'red' }}."
)
"""With the good prompt it reads the colour off the statement, with others the other one."""
SEARCH = {"description": "Good or bad", "prompts": ["bad", "good"], "halving": {"first_rows": 4}}


@pytest.fixture
def searched(workspace: Workspace) -> Workspace:
    """A project with validation rows and a search of two prompts, which has not run."""
    tiny = yaml.safe_load((workspace.path / "conf/prompt/tiny.yaml").read_text())
    for name in ("good", "bad"):
        parts = tiny["tasks"]["multiple_choice"] | {"preamble": f"Be {name}."}
        changes = {"description": f"Be {name}", "tasks": {"multiple_choice": parts}}
        write_yaml(workspace.path / f"conf/prompt/{name}.yaml", tiny | changes)
    splits = {"validation": {"hold_out_from": "train", "rows": 12, "share": 0.5}}
    dataset = yaml.safe_load((workspace.path / "conf/dataset/tiny.yaml").read_text())
    workspace.edit("conf/dataset/tiny.yaml", splits=dataset["splits"] | splits)
    workspace.edit("conf/teacher/tiny.yaml", model={"name": "t", "source": f"scripted:{RIGHT}"})
    workspace.edit("params.yaml", search="tiny", limit=15, exemplars="none")
    write_yaml(workspace.path / "conf/search/tiny.yaml", SEARCH)
    workspace.dvc("repro", "retrieve")
    return workspace


def asked(workspace: Workspace) -> list[int]:
    log: Path = workspace.path / ".stillhouse/log/runs.jsonl"
    events = map(json.loads, log.read_text().splitlines())
    return [event["asked"] for event in events if event["event"] == "teacher"]


def test_the_choice_is_followed_kept_and_made_anew_when_a_candidate_changes(searched):
    said = searched.stillhouse("cost")
    assert "warning: the search comes first." in said
    assert "search, t: 8 to 24 requests" in said
    ran = searched.ran("repro", "prompt")
    assert ran == {"teacher_select", "prompt"}
    to_ask = json.loads(searched.stillhouse("cost", "--json"))
    assert to_ask["prompts"]["current"]
    assert [each["what"] for each in to_ask["asked"]] == ["teacher"]
    assert searched.ran("repro", "parse") == {"teacher_generate", "parse"}
    assert asked(searched)[-1] == to_ask["asked"][0]["to_ask"] > 0
    selected = searched.read("data/selected.json")
    assert selected["prompt"] == "good"
    assert selected["decoding"] == {}
    measured = searched.read("metrics/selected.json")
    assert measured["candidates"]["good"]["outcome"] == "chosen"
    prompts = tables.PROMPTS.of(searched.path).read_rows()
    assert all("Be good." in row["messages"][0]["content"] for row in prompts)
    assert {row["id"] for row in tables.EXAMPLES.of(searched.path).read_rows()} >= {
        row["id"] for row in prompts
    }
    assert searched.ran("repro", "parse") == set()

    # A prompt that is not tried, and the knob's own: the search looks again, and asks nobody.
    before = sum(asked(searched))
    searched.edit("conf/prompt/other.yaml", description="Another word")
    searched.edit("params.yaml", prompt="other")
    assert searched.ran("repro", "parse") == {
        "teacher_select",
        "prompt",
        "teacher_generate",
        "parse",
    }
    assert sum(asked(searched)) == before

    # Another wording of the loser: its own rows are asked, and nothing follows.
    bad = yaml.safe_load((searched.path / "conf/prompt/bad.yaml").read_text())
    bad["tasks"]["multiple_choice"]["preamble"] = "Be worse."
    searched.edit("conf/prompt/bad.yaml", **bad)
    calls = len(asked(searched))
    assert searched.ran("repro", "parse") == {"teacher_select"}
    assert 0 < sum(asked(searched)[calls:]) <= 12


def test_an_experiment_without_the_search_goes_by_the_knobs(searched):
    searched.dvc("repro", "parse")
    searched.edit("params.yaml", search="other")  # tries nothing
    ran = searched.ran("repro", "parse")
    assert {"teacher_select", "prompt"} <= ran
    prompts = tables.PROMPTS.of(searched.path).read_rows()
    assert all("Be tiny." in row["messages"][0]["content"] for row in prompts)
    searched.edit("params.yaml", search="tiny")
    assert searched.ran("repro", "parse") == set()  # all of it from DVC's cache


def test_a_search_on_rows_that_are_not_there_stops_before_anybody_is_asked(searched):
    dataset = yaml.safe_load((searched.path / "conf/dataset/tiny.yaml").read_text())
    dataset["splits"].pop("validation")
    searched.edit("conf/dataset/tiny.yaml", **dataset)
    said = searched.dvc("repro", "parse", fails=True)
    assert "`search: tiny` chooses on validation rows, and `dataset: tiny` has no" in said
    assert "Traceback" not in said
