"""The contract of the pipeline, by running it: a change reruns what it touches, no more."""

import json
import shutil
import sys

import pytest

from tests.pipeline.test_static import AUGMENT, KNOBS, TRAIN
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow

CHANGES = {
    "dataset": "other",
    "limit": 15,
    "embedder": "other",
    "exemplars": "random",
    "prompt": "other",
    "teacher": "other",
    "fraction": 0.5,
    "label_source": "teacher",
    "rationale_source": "gold",
    "lambda": 0.5,
    "student": "other",
}
"""Another value for each knob, such that every stage that it reaches writes something else."""

MATRIX = {"train_student", "evaluate", "card"}

WITHOUT_FEEDBACK = {
    "fraction": {"feedback_judge"},
    "label_source": {"feedback_judge"},
    "student": {"feedback_judge", "feedback_split", "augment", "references"},
}
"""Stages that a knob does not reach with `feedback: none`: the table before them stays empty."""

WITHOUT_SEARCH = {"teacher": {"prompt", "baseline", "gold_student"}}
"""Stages that a knob reaches through what a search chooses: without one that stays empty."""

WITHOUT_PROMPT = {"embedder", "exemplars", "k", "prompt"}
"""Knobs that do not reach these, whose student has templates of its own."""


def reached(knob):
    unreached = WITHOUT_FEEDBACK.get(knob, set()) | WITHOUT_SEARCH.get(knob, set())
    of_prompt = {"baseline", "gold_student"} if knob in WITHOUT_PROMPT else set()
    return KNOBS[knob] - unreached - of_prompt


def of_seed(stages, seed=0):
    return {f"{stage}@{seed}" if stage in MATRIX else stage for stage in stages}


@pytest.mark.parametrize("knob", CHANGES)
def test_a_knob_reruns_its_stages_and_once(workspace: Workspace, knob):
    workspace.edit("params.yaml", **{knob: CHANGES[knob]})  # as `dvc exp run -S` does, but quicker
    assert workspace.ran("repro") == of_seed(reached(knob))
    assert workspace.ran("repro") == set()


def test_an_experiment_changes_one_knob_and_shows_the_difference(workspace):
    before = (workspace.path / "params.yaml").read_text()
    experiment = ("exp", "run", "-S", "lambda=1e-5")
    assert workspace.ran(*experiment) == of_seed(TRAIN)
    assert workspace.ran(*experiment) == set()
    after = (workspace.path / "params.yaml").read_text()
    assert after == before.replace("lambda: 1.0", "lambda: 1e-05")  # and a number, or nothing ran
    metrics = json.loads(workspace.dvc("metrics", "diff", "--all", "--json"))
    figures = metrics["metrics/summary.json"]
    for name in ("student.accuracy", "references.untrained", "references.majority"):
        assert {"old", "new"} <= figures[name].keys()
    assert len(workspace.dvc("metrics", "diff", "--md").splitlines()) <= 30
    changed = json.loads(workspace.dvc("params", "diff", "--json"))["params.yaml"]
    assert changed.keys() == {"lambda"}
    assert changed["lambda"]["new"] == 1e-5


def test_an_experiment_with_more_exemplars_and_back_again(workspace):
    assert workspace.ran("exp", "run", "-S", "k=3") == of_seed(reached("k"))
    workspace.edit("params.yaml", k=2)
    assert workspace.ran("repro") == set()  # all of it from DVC's cache


def test_an_arm_that_needs_no_vectors_embeds_nothing_and_the_way_back_is_cached(workspace):
    embedded = workspace.read("metrics/embed.json")
    assert embedded["rows"] > 0
    for arm in ("random", "none"):
        workspace.edit("params.yaml", exemplars=arm)
        assert "embed" in workspace.ran("repro", "retrieve")
        assert workspace.read("metrics/embed.json")["rows"] == 0
    workspace.edit("params.yaml", exemplars="topk")
    assert workspace.ran("repro") == set()
    assert workspace.read("metrics/embed.json") == embedded


def test_a_detail_of_an_entry_reruns_the_stages_that_read_it(workspace):
    detail = "conf/student/tiny.yaml:decoding.max_tokens=3"
    predicting = {"baseline", "feedback_predict", "gold_student", "evaluate@0"}
    reached = predicting | {"rate", "card@0", "report"}
    assert workspace.ran("exp", "run", "-S", detail) == reached


def test_a_seed_more_trains_one_student_and_a_seed_less_only_reports(workspace):
    new = {"train_student@1", "evaluate@1", "rate", "card@1", "report"}
    assert workspace.ran("exp", "run", "-S", "seeds=[0,1]") == new
    summary = workspace.read("metrics/summary.json")
    assert summary["student"]["seeds"] == 2
    assert "standard_error" in summary["student"]
    workspace.edit("params.yaml", seeds=[1])
    assert workspace.ran("repro") == {"rate", "report"}
    assert workspace.read("metrics/summary.json")["student"]["seeds"] == 1
    assert "seed=0" not in json.dumps(workspace.read("metrics/report.json"))


def test_what_only_changes_the_computing_reruns_nothing(workspace):
    workspace.edit("conf/embedder/tiny.yaml", compute={"device": "cpu"})
    workspace.edit("conf/teacher/tiny.yaml", compute={"backend": "scripted", "allow_failures": 0.1})
    workspace.edit("conf/student/tiny.yaml", compute={"eval_batch_size": 3, "device": "cpu"})
    workspace.edit("conf/teacher/other.yaml", context=77)  # nobody chose it
    params = workspace.path / "params.yaml"
    params.write_text(f"# a comment\n{params.read_text()}")
    assert workspace.ran("repro") == set()


def test_a_price_reruns_the_report_and_asks_whether_another_is_cheaper(workspace):
    before = workspace.read("metrics/summary.json")["teacher"]["cost"]["EUR"]
    price = {"currency": "EUR", "prompt": 2.0, "completion": 4.0}
    workspace.edit("conf/teacher/tiny.yaml", price=price)
    assert workspace.ran("repro") == {"teacher_select", "report"}
    after = workspace.read("metrics/summary.json")["teacher"]["cost"]["EUR"]
    assert after == pytest.approx(2 * before, abs=2e-6)


def test_equal_output_ends_the_wave(workspace):
    other = workspace.path / "data/raw/other/train.csv"
    other.write_text(other.read_text().replace("red", "blue", 1))  # another dataset's: ingest
    workspace.edit("params.yaml", exemplar_seed=1, tau=2.0)  # retrieve and feedback_split
    code = workspace.path / "src/stillhouse/parse/statements.py"
    code.write_text(code.read_text().replace("MOST = 20", "MOST = 21"))  # parse
    # augment and zero_shot parse, too; card and report name every knob
    reached = {"code", "ingest", "retrieve", "teacher_select", "parse", "feedback_split"}
    reached |= {"augment", "zero_shot", "card@0", "report"}
    assert workspace.ran("repro") == reached


def test_the_teacher_is_asked_only_what_is_new(workspace):
    def asked(k):
        """Rebuild the completions without DVC's cache; how many requests that took."""
        shutil.rmtree(workspace.path / ".dvc/cache/runs", ignore_errors=True)
        workspace.edit("params.yaml", k=k)
        assert "teacher_generate" in workspace.ran("repro", "teacher_generate")
        log = (workspace.path / ".stillhouse/log/runs.jsonl").read_text()
        events = [json.loads(line) for line in log.splitlines()]
        return [event["asked"] for event in events if event["event"] == "teacher"][-1]

    assert asked(k=3) == 20
    assert asked(k=2) == 0


def test_feedback_is_given_once_and_a_new_tau_asks_nobody(workspace):
    def asked():
        log = (workspace.path / ".stillhouse/log/runs.jsonl").read_text()
        events = [json.loads(line) for line in log.splitlines()]
        return sum(event["asked"] for event in events if event["event"] == "teacher")

    workspace.edit("params.yaml", feedback="hard", tau=0.5, synthetic=4)
    assert workspace.ran("repro") == of_seed(KNOBS["feedback"])
    judged = workspace.read("metrics/judge.json")
    assert judged["asked"] == 2 * (judged["rows"] - judged["equal"]) > 0
    assert workspace.read("metrics/chosen.json")["hard"] > 0
    assert workspace.read("metrics/augment.json")["synthetic"] == 4
    before = asked()
    workspace.edit("params.yaml", tau=1.0)  # as many are hard
    # Card and report name every knob, and what is hard between two rounds follows from tau.
    assert workspace.ran("repro") - {"card@0", "report"} == {"feedback_split", "augment"}
    assert asked() == before
    workspace.edit("params.yaml", synthetic=6)
    assert workspace.ran("repro") == of_seed(AUGMENT)
    assert before + 4 <= asked() < before + 20
    workspace.edit("conf/judge/tiny.yaml", compute={"backend": "scripted", "allow_failures": 0.2})
    assert workspace.ran("repro") <= {"complexity"}  # which watches the folder, and asks nobody
    assert asked() < before + 20


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
    assert "What to try next" in output
    workspace.env["PYTHONPATH"] = "src"
    command = "from stillhouse.cli import main; main()"
    again = workspace.run(sys.executable, "-c", command, "results")
    assert again.partition("Stages of the latest run")[0] in output
    assert any(line.startswith("Student ") for line in again.splitlines())
