"""The contract of the pipeline, by running it: a change reruns what it touches, no more."""

import json
import sys

import pytest
import yaml

from stillhouse.core import paths
from tests.pipeline.test_static import KNOBS, TRAIN
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow

CHANGES = {
    "dataset": "other",
    "limit": 15,
    "embedder": "other",
    "exemplars": "random",
    "k": 3,
    "prompt": "other",
    "teacher": "other",
    "fraction": 0.5,
    "label_source": "teacher",
    "rationale_source": "gold",
    "lambda": 0.5,
    "student": "other",
}
"""Another value for each knob, such that every stage that it reaches writes something else."""

MATRIX = {"train_student", "evaluate"}


def of_seed(stages, seed=0):
    return {f"{stage}@{seed}" if stage in MATRIX else stage for stage in stages}


@pytest.mark.parametrize("knob", CHANGES)
def test_a_knob_reruns_its_stages_and_once(workspace: Workspace, knob):
    assert workspace.ran("exp", "run", "-S", f"{knob}={CHANGES[knob]}") == of_seed(KNOBS[knob])
    assert workspace.ran("repro") == set()


def test_the_built_workspace_is_up_to_date_and_changes_are_undone_from_the_cache(workspace):
    assert workspace.ran("repro") == set()
    assert workspace.ran("exp", "run", "-S", "lambda=0.25") == of_seed(TRAIN)
    assert workspace.ran("exp", "run", "-S", "lambda=0.25") == set()
    assert workspace.ran("exp", "run", "-S", "lambda=1.0") == set()


def test_a_small_number_arrives_as_a_number_and_the_difference_is_shown(workspace):
    assert workspace.ran("exp", "run", "-S", "lambda=1e-5") == of_seed(TRAIN)
    assert "lambda: 1e-05" in (workspace.path / "params.yaml").read_text()
    changes = json.loads(workspace.dvc("metrics", "diff", "--all", "--json"))
    accuracies = changes["metrics/summary.json"]
    for model in ("student", "untrained", "majority"):
        assert {"old", "new"} <= accuracies[f"{model}.accuracy"].keys()
    assert "accuracy" in changes["metrics/eval/seed=0.json"]
    (difference,) = json.loads(workspace.dvc("params", "diff", "--json"))["params.yaml"].items()
    knob, values = difference
    assert knob == "lambda"
    assert (values["old"], values["new"]) == (1.0, 1e-5)


def test_a_seed_more_trains_one_student_and_a_seed_less_only_reports(workspace):
    new = {"train_student@1", "evaluate@1", "report"}
    assert workspace.ran("exp", "run", "-S", "seeds=[0,1]") == new
    summary = workspace.read("metrics/summary.json")
    assert summary["student"]["seeds"] == 2
    assert "standard_error" in summary["student"]
    assert workspace.ran("exp", "run", "-S", "seeds=[1]") == {"report"}
    assert workspace.read("metrics/summary.json")["student"]["seeds"] == 1
    assert "seed=0" not in workspace.dvc("metrics", "show")


def test_what_only_changes_the_computing_reruns_nothing(workspace):
    workspace.edit("conf/embedder/tiny.yaml", compute={"device": "cpu"})
    workspace.edit("conf/teacher/tiny.yaml", compute={"backend": "scripted", "device": "cpu"})
    workspace.edit("conf/student/tiny.yaml", compute={"eval_batch_size": 3, "device": "cpu"})
    workspace.edit("conf/student/tiny.yaml", description="Better words")
    workspace.edit("conf/teacher/other.yaml", context=77)  # nobody chose it
    params = workspace.path / paths.PARAMS
    params.write_text(f"# a comment\n{params.read_text()}")
    assert workspace.ran("repro") == set()


def test_a_price_reruns_the_report(workspace):
    before = workspace.read("metrics/summary.json")["teacher"]["cost"]["EUR"]
    price = {"currency": "EUR", "prompt": 2.0, "completion": 4.0}
    workspace.edit("conf/teacher/tiny.yaml", price=price)
    assert workspace.ran("repro") == {"report"}
    after = workspace.read("metrics/summary.json")["teacher"]["cost"]["EUR"]
    assert after == pytest.approx(2 * before, abs=2e-6)


def test_equal_output_ends_the_wave(workspace):
    code = workspace.path / "src/stillhouse/parsing/table.py"
    code.write_text(code.read_text() + "# a comment\n")
    assert workspace.ran("repro") == {"parse"}
    assert workspace.ran("exp", "run", "-S", "exemplar_seed=1") == {"retrieve"}  # exemplars: topk
    assert workspace.ran("exp", "run", "-S", "tau=2.0") == {"feedback_split"}  # feedback: none
    other = workspace.path / "data/raw/other/train.csv"
    other.write_text(other.read_text().replace("red", "blue", 1))
    assert workspace.ran("repro") == {"ingest"}  # the dataset is another one


def test_a_detail_of_an_entry_reruns_the_stages_that_read_it(workspace):
    detail = "conf/student/tiny.yaml:generation.max_tokens=3"
    assert workspace.ran("exp", "run", "-S", detail) == {"baseline", "evaluate@0", "report"}


def test_the_teacher_is_asked_only_what_is_new(workspace):
    def asked():
        log = workspace.path / ".stillhouse/log/runs.jsonl"
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return [event for event in events if event["event"] == "teacher"]

    first = asked()
    assert workspace.ran("exp", "run", "-S", "k=3") >= {"teacher_generate"}
    assert len(asked()) == len(first) + 1
    assert asked()[-1]["asked"] == 20
    workspace.dvc("gc", "--workspace", "--force")
    for path in ("data/completions.parquet", "data/prompts.parquet"):
        (workspace.path / path).unlink()
    ran = workspace.ran("exp", "run", "-S", "k=2")
    assert "teacher_generate" in ran
    assert asked()[-1]["asked"] == 0


def test_a_stage_that_fails_is_one_message_and_the_next_run_goes_on(workspace):
    path = workspace.path / "data/raw/tiny/train.csv"
    good = path.read_text()
    path.write_text(good.replace(",red,", ",green,", 1))
    output = workspace.dvc("repro", fails=True)
    assert "error in ingest:" in output
    assert "green" in output
    assert "Traceback" not in output
    path.write_text(good)
    assert workspace.ran("repro") == set()


def test_the_table_ends_the_run(workspace):
    workspace.edit("params.yaml", **{"lambda": 0.75})
    output = workspace.dvc("repro")
    table = output[output.index("Accuracy") :]
    assert any(line.strip().startswith("Student") for line in table.splitlines())
    assert "What to try next" in output
    workspace.env["PYTHONPATH"] = "src"
    command = "from stillhouse.cli import main; main()"
    again = workspace.run(sys.executable, "-c", command, "results")
    shown, shown_again = (
        text.partition("Seconds of")[0].split("\n")[3:] for text in (table, again)
    )
    assert [line.rstrip() for line in shown] == [line.rstrip() for line in shown_again]


def test_params_survive_an_experiment_as_written(workspace):
    before = (workspace.path / "params.yaml").read_text()
    workspace.dvc("exp", "run", "-S", "tau=3.0")
    after = (workspace.path / "params.yaml").read_text()
    assert after == before.replace("tau: 1.0", "tau: 3.0")
    assert yaml.safe_load(after)["tau"] == 3.0
