"""What the next run will ask is what it then asks; nobody is asked for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stillhouse.config.whole import load_all
from stillhouse.core.files import read_json
from stillhouse.core.log import read_events
from stillhouse.core.tables import PROMPTS
from stillhouse.cost import commands
from stillhouse.cost.cost import Chosen, costs
from stillhouse.store.store import Store
from tests.labels.project import REVIEWS, edit, text, write_project
from tests.pipeline import scripts

TO_PROMPT = ("ingest", "embed", "retrieve", "teacher_select", "prompt")
PRICE = {"currency": "EUR", "prompt": 1000.0, "completion": 2000.0}


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_models):
    monkeypatch.chdir(tmp_path)
    write_project(tiny_models)
    edit("conf/teacher/tiny.yaml", price=PRICE)
    return tmp_path


def found(*, current=True):
    knobs, entries = load_all()
    groups = ("dataset", "prompt", "teacher", "judge", "augment", "student")
    chosen = Chosen(knobs, **{name: entries[name] for name in groups})
    return costs(chosen, Store.default(), judged_is_current=current)


def shown(each):
    return "\n".join(commands.as_lines([each], None))


def test_of_an_empty_store_only_the_most_is_known(project):
    scripts.run(*TO_PROMPT)
    (teacher,) = found()
    assert (teacher.requests, teacher.stored, teacher.to_ask) == (60, 0, 60)
    assert {name: split.rows for name, split in teacher.splits.items()} == {
        "test": 15,
        "unlabelled": 45,
    }
    assert teacher.expected is None
    assert teacher.most.completion == 60 * 40
    assert "nothing is known of their length yet" in shown(teacher)
    assert "about" not in shown(teacher).partition("tokens out")[2].splitlines()[0]
    assert read_events("teacher") == []


def test_after_a_part_was_asked_the_rest_is_measured_on_it(project):
    scripts.run(*TO_PROMPT)
    edit("conf/prompt/tiny.yaml", splits=["test"])
    edit("params.yaml", label_source="teacher")
    values = yaml.safe_load(Path("conf/prompt/tiny.yaml").read_text())
    edit("conf/prompt/tiny.yaml", **(values | {"splits": ["unlabelled", "test"]}))
    everything = PROMPTS.read_rows()
    few = [row for row in everything if row["id"].startswith("test")]
    PROMPTS.write_rows(few)
    scripts.run("teacher_generate")
    PROMPTS.write_rows(everything)
    (teacher,) = found()
    assert (teacher.stored, teacher.to_ask) == (15, 45)
    assert teacher.splits["test"].stored == 15
    assert teacher.splits["unlabelled"].stored == 0

    asked = len(read_events("teacher"))
    scripts.run("teacher_generate")
    run = read_events("teacher")[asked]
    assert run["asked"] == teacher.to_ask
    # All prompts and completions are alike here, so what was expected is what it took.
    assert teacher.expected.prompt == pytest.approx(run["prompt_tokens"], rel=0.05)
    assert teacher.expected.completion == run["completion_tokens"]
    assert teacher.expected.money(teacher.price) == pytest.approx(run["money"], rel=0.05)
    assert teacher.expected.money(teacher.price) < teacher.most.money(teacher.price)
    assert found()[0].to_ask == 0


def test_rows_that_ask_the_same_are_one_request_here_and_in_the_metrics(project):
    REVIEWS.write_text(REVIEWS.read_text() + "".join(f"{text(n)}\n" for n in range(10)))
    scripts.run(*TO_PROMPT)
    (teacher,) = found()
    assert sum(split.rows for split in teacher.splits.values()) == 70
    assert teacher.requests == 60
    scripts.run("teacher_generate")
    metrics = read_json(Path("metrics/teacher.json"))
    (run,) = read_events("teacher")
    assert (metrics["rows"], metrics["requests"]) == (70, 60)
    assert metrics["requests"] == run["asked"]
    assert metrics["completion_tokens"] == run["completion_tokens"]
    assert metrics["prompt_tokens"] == run["prompt_tokens"]


def lock(**reply):
    """What DVC writes down of the run, as far as it is read."""
    teacher = yaml.safe_load(Path("conf/teacher/tiny.yaml").read_text())
    params = {
        "conf/teacher/tiny.yaml": {k: teacher[k] for k in ("model", "format", "decoding")},
        "conf/prompt/tiny.yaml": {"reply": "rationale_then_label"} | reply,
    }
    stages = {"teacher_generate": {"cmd": "x", "params": params}}
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": stages}))


def test_other_prompts_are_measured_on_the_last_run_of_this_teacher_and_form(project):
    scripts.run(*TO_PROMPT, "teacher_generate")
    prompt = yaml.safe_load(Path("conf/prompt/tiny.yaml").read_text())
    prompt["tasks"]["classification"]["preamble"] = "Say otherwise."
    edit("conf/prompt/tiny.yaml", **prompt)
    scripts.run("prompt")
    assert found()[0].expected is None  # whose completions those are nobody knows
    lock()
    (teacher,) = found()
    assert teacher.to_ask == 60
    assert teacher.expected.completion == 60 * 7
    assert "as the last run's 60 completions, of other prompts" in shown(teacher)
    edit("conf/teacher/tiny.yaml", decoding={"max_tokens": 5})
    assert found()[0].expected.completion == 60 * 5
    lock(reply="label")
    assert found()[0].expected is None


def test_recorded_outputs_ask_nobody(project):
    scripts.run(*TO_PROMPT)
    outputs = {"outputs": ["out.jsonl"], "id": "{{ id }}", "field": "text"}
    Path("data/raw/out.jsonl").write_text('{"id": "a", "text": "b"}\n')
    edit(
        "conf/teacher/tiny.yaml",
        model={"name": "old", "source": "file:data/raw", "recorded": [outputs]},
        compute={"backend": "recorded"},
    )
    (teacher,) = found()
    assert teacher.to_ask == 0
    assert shown(teacher) == "teacher, old: 60 recorded completions; nobody is asked"


FEEDBACK = {"feedback": "hard", "tau": 0.5, "synthetic": 6}


def test_judge_and_augmentation_before_and_after_their_prompts_are_known(project):
    edit("params.yaml", **FEEDBACK)
    scripts.run(*TO_PROMPT)
    teacher, judge, queries, labels = found(current=False)
    assert not judge.exact
    assert judge.requests == 2 * 45  # two orders for each row that is trained on
    assert (queries.least, queries.requests) == (6, 90)
    assert (labels.least, labels.requests) == (6, 90)
    assert [each.expected for each in (teacher, judge, queries, labels)] == [None] * 4
    said = "\n".join(commands.as_lines([teacher, judge, queries, labels], "They are old."))
    assert said.startswith("warning: They are old.")
    assert "judge, judge tiny: 0 to 90 requests" in said
    assert "in all at most" in said

    scripts.run("teacher_generate", "parse", "feedback_predict")
    judge = found()[1]
    assert judge.exact
    before = len(read_events("teacher"))
    scripts.run("feedback_judge", "feedback_split")
    assert read_events("teacher")[before]["asked"] == judge.to_ask == judge.requests <= 90
    assert found()[1].to_ask == 0


def test_new_queries_are_expected_as_many_as_the_last_run_took(project):
    edit("params.yaml", synthetic=6)
    edit(
        "conf/teacher/tiny.yaml",
        model={
            "name": "tiny",
            "source": "scripted:{% if 'New one' in prompt %}What is {{ digest % 97 }} by "
            "{{ digest // 97 % 89 }} like? yes or no{% else %}Why. The answer is no.{% endif %}",
        },
    )
    scripts.run(*TO_PROMPT, "teacher_generate", "parse", "feedback_predict")
    scripts.run("feedback_judge", "feedback_split", "augment")
    kept = read_json(Path("metrics/augment.json"))
    assert kept["synthetic"] == 6
    queries, labels = found()[1:]
    assert queries.expected_requests == labels.expected_requests == kept["asked"]


def test_as_json_and_without_anything_heavy(project):
    scripts.run(*TO_PROMPT)
    answer = json.loads(commands.as_json(found(), None))
    assert answer["prompts"] == {"current": True, "said": None}
    (teacher,) = answer["asked"]
    assert teacher["to_ask"] == 60
    assert teacher["expected"] is None
    assert teacher["most"]["money"] > 0
    heavy = "{'torch', 'transformers', 'tokenizers', 'pandas', 'sklearn'}"
    code = f"import sys; import stillhouse.cost.commands; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
