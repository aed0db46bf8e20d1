"""What is wrong with a search, by itself and beside the knobs: said before anybody is asked."""

import pytest

from stillhouse.config.search import SearchConf
from stillhouse.config.teacher import Decoding
from stillhouse.config.whole import check_all, load_all
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import dump_yaml, read_yaml
from tests.config.project import edit, write_project

SEARCH = {"description": "Two prompts", "prompts": ["plain", "label"]}
VALIDATION = {"hold_out_from": "train", "share": 0.2}


@pytest.fixture
def project(tmp_path):
    """A project with a search that is right, chosen."""
    write_project(tmp_path, search="two", rationale_source="none", **{"lambda": 0})
    (tmp_path / "conf/search/two.yaml").write_text(dump_yaml(SEARCH))
    label = read_yaml(tmp_path / "conf/prompt/plain.yaml") | {"reply": "label"}
    (tmp_path / "conf/prompt/label.yaml").write_text(dump_yaml(label))
    splits = read_yaml(tmp_path / "conf/dataset/own.yaml")["splits"]
    edit(tmp_path, "conf/dataset/own.yaml", splits=splits | {"validation": VALIDATION})
    return tmp_path


def failure(project, load=load_all):
    with pytest.raises(StillhouseError) as error:
        load(project)
    return str(error.value)


def test_a_search_that_is_right_loads(project):
    _, entries = load_all(project)
    assert entries["search"].prompts == ("plain", "label")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prompts": []} | {"rows": 5}, "`prompts` is empty, so nothing is searched"),
        ({"prompts": ["plain", "plain"]}, "every value must occur once"),
        ({"decoding": {"temperature": [0, 0.0]}}, "every value must occur once"),
        ({"decoding": {"temperatur": [0]}}, "Did you mean 'temperature'"),
        ({"decoding": {"top_p": [0]}}, "`decoding.top_p"),
        ({"halving": {"first_rows": 50}, "rows": 50}, "nothing is halved"),
        ({"halving": {"first_rows": 50, "keep": 1}}, "`halving.keep` is 1"),
        ({"decoding": {"max_tokens": list(range(9, 200))}}, "382 candidates; 256 are the most"),
        ({"prompts": ["plain", "lable"]}, "`prompts` names 'lable', but conf/prompt/lable.yaml"),
    ],
)
def test_a_mistake_in_the_entry_is_named_chosen_or_not(project, changes, said):
    edit(project, "conf/search/two.yaml", **changes)
    assert said in failure(project)
    edit(project, "params.yaml", search="none")
    load_all(project)
    assert said in failure(project, check_all)


def test_rows_to_search_on_are_labelled_validation_rows(project):
    splits = read_yaml(project / "conf/dataset/own.yaml")["splits"]
    del splits["validation"]
    edit(project, "conf/dataset/own.yaml", splits=splits)
    assert "`search: two` chooses on validation rows, and `dataset: own` has no" in failure(project)
    unlabelled = {"unlabelled": {"read": ["more.csv"]}}
    held = {"validation": VALIDATION | {"hold_out_from": "unlabelled"}}
    edit(project, "conf/dataset/own.yaml", splits=splits | unlabelled | held)
    assert "the validation rows of `dataset: own` have none" in failure(project)


def test_what_a_candidate_would_do_wrong_is_said_of_it_and_not_of_the_knobs_prompt(project):
    edit(project, "params.yaml", rationale_source="teacher", **{"lambda": 1})
    said = failure(project)
    assert said.count("asks for no rationale") == 1
    assert "`prompt: label` asks for no rationale" in said
    # The knob's prompt is not asked with, so what it lacks is no mistake.
    edit(project, "params.yaml", rationale_source="none", prompt="other", **{"lambda": 0})
    other = read_yaml(project / "conf/prompt/plain.yaml") | {
        "tasks": {"math": {"query": "{{ query }}"}}
    }
    (project / "conf/prompt/other.yaml").write_text(dump_yaml(other))
    load_all(project)
    edit(project, "params.yaml", search="none")
    assert "`prompt: other` has no parts for the task" in failure(project)


def test_a_prompt_that_shows_the_label_cannot_be_tried(project):
    edit(project, "conf/prompt/label.yaml", reply="rationale")
    assert "`prompt: label` asks for none (`reply: rationale`); leave it out" in failure(project)


def test_a_candidate_needs_room_and_samples_that_differ(project):
    edit(project, "conf/search/two.yaml", decoding={"max_tokens": [16, 512], "temperature": [0, 1]})
    said = failure(project)
    assert said.count("sets `max_tokens` to 512, which leaves no room") == 1
    decoding = {"max_tokens": 16, "samples": 3, "temperature": 1.0}
    edit(project, "conf/teacher/small.yaml", decoding=decoding)
    assert "sets `temperature` to 0, and `teacher: small` wants 3 samples" in failure(project)


def test_one_candidate_is_no_search(project):
    grid = {"top_p": [0.5, 1.0]}
    edit(project, "conf/search/two.yaml", prompts=["label"], decoding=grid)
    assert "`search: two` has one candidate" in failure(project)  # a greedy one ignores top_p
    edit(project, "conf/search/two.yaml", decoding=grid | {"temperature": [0.5]})
    load_all(project)


def test_recorded_outputs_are_the_same_for_all(project):
    outputs = {"outputs": ["out.json"], "id": "{{ _row }}"}
    model = {"name": "old", "source": "file:data/raw/out", "recorded": [outputs]}
    compute = {"backend": "recorded"}
    edit(project, "conf/teacher/small.yaml", model=model, compute=compute)
    assert "`teacher: small` has recorded outputs, the same for each" in failure(project)


def test_candidates_are_every_prompt_with_every_decoding_in_order():
    grid = {"temperature": [0.0, 0.5], "top_p": [0.1, 0.9]}
    conf = SearchConf.model_validate(SEARCH | {"decoding": grid})
    teacher = Decoding(max_tokens=7, stop=("x",))
    found = conf.candidates(teacher)
    names = ["temperature 0", "temperature 0.5, top_p 0.1", "temperature 0.5, top_p 0.9"]
    assert [each.name for each in found] == [f"{p}, {n}" for p in ("plain", "label") for n in names]
    assert all(each.decoding.stop == ("x",) and each.decoding.max_tokens == 7 for each in found)
    assert len({each.name for each in found}) == len(found)


def test_candidates_that_differ_in_the_last_digit_are_two():
    grid = {"temperature": [0.1234567, 0.1234568], "max_tokens": [1234567, 1234568]}
    conf = SearchConf.model_validate(SEARCH | {"decoding": grid})
    assert len(conf.candidates(Decoding(max_tokens=7))) == 8
