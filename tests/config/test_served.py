"""`model.family: served`: a student that others have trained, in the configuration."""

import pytest

from stillhouse.config.compute import OpenAICompute
from stillhouse.config.student import ServedModel, StudentConf, served_teacher, trained_here
from stillhouse.config.whole import GROUPS, checked_values, load_all, load_entry
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import dump_yaml
from tests.config.project import ENTRIES, edit, write_project
from tests.conftest import REPOSITORY

URL = "http://127.0.0.1:9/v1"
SERVED = {
    "description": "Served",
    "model": {"family": "served", "name": "tuned", "source": "api://localhost/tuned@1"},
    "templates": "prompt",
    "training": None,
    "decoding": {"max_tokens": 8, "stop": ["\n"]},
    "compute": {"backend": "openai", "base_url": URL},
}
LOCAL = ENTRIES["student/small"]
TASKS = {"classification": {"query": "{{ query }}", "student": "Say which."}}


def problems(values):
    found = []
    checked_values("file", values, StudentConf, found)
    return [problem.removeprefix("file: ") for problem in found]


def test_a_served_student_is_asked_as_a_teacher_greedily_and_without_stop_strings():
    assert problems(SERVED) == []
    conf = StudentConf.model_validate(SERVED)
    assert conf.is_served
    assert isinstance(conf.model, ServedModel)
    assert isinstance(conf.compute, OpenAICompute)
    teacher = served_teacher(conf.model, conf.decoding, conf.compute, conf.price)
    assert (teacher.model.name, teacher.model.source) == ("tuned", "api://localhost/tuned@1")
    assert (teacher.decoding.temperature, teacher.decoding.max_tokens) == (0, 8)
    assert teacher.decoding.stop == ()
    with pytest.raises(StillhouseError, match="Feedback needs the student's weights"):
        trained_here(conf, "Feedback")


def test_a_student_that_is_trained_here_is_as_it_was():
    conf = StudentConf.model_validate(LOCAL)
    assert not conf.is_served
    assert conf.compute.backend == "transformers"
    assert trained_here(conf, "Training").model_dump() == conf.model_dump()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (SERVED | {"training": LOCAL["training"]}, "write `training: null`"),
        (LOCAL | {"training": None}, "only a model of `family: served` is trained by others"),
        (SERVED | {"templates": LOCAL["templates"]}, "write `templates: prompt`"),
        (SERVED | {"decoding": {"max_tokens": 8, "decode": "choices"}}, "`decode: generate`"),
        (SERVED | {"mirror": "models/x"}, "leave out `mirror`"),
        (SERVED | {"compute": {}}, "`compute: {backend: openai, base_url: ...}`"),
        (LOCAL | {"compute": SERVED["compute"]}, "the weights of `family: decoder` are computed"),
        (
            SERVED | {"compute": SERVED["compute"] | {"device": "cpu"}},
            "`compute.device`: it goes with `backend: transformers`, not with `backend: openai`.",
        ),
        (
            LOCAL | {"compute": {"base_url": URL}},
            "`compute.base_url`: it goes with `backend: openai`, not with `backend: transformers`.",
        ),
        (
            SERVED | {"compute": {"backend": "vllm", "base_url": URL}},
            "`compute.backend` is 'vllm': this value is not known. Known: openai, transformers.",
        ),
        (
            SERVED | {"model": SERVED["model"] | {"max_query_tokens": 512}},
            "`model.max_query_tokens`: it goes with `family: decoder` or `family: "
            "encoder_decoder`, not with `family: served`.",
        ),
        (
            LOCAL | {"model": LOCAL["model"] | {"name": "x"}},
            "`model.name`: it goes with `family: served`, not with `family: decoder`.",
        ),
        (
            SERVED | {"model": SERVED["model"] | {"family": "serve"}},
            "`model.family` is 'serve': this value is not known. Did you mean 'served'",
        ),
        (
            SERVED | {"model": SERVED["model"] | {"source": "hf://org/tuned@main#unpinned"}},
            "is a branch or tag, which can move",
        ),
        (SERVED | {"model": SERVED["model"] | {"source": "tuned"}}, "so it needs a hash"),
        (
            SERVED | {"compute": SERVED["compute"] | {"budget": {"money": 1.0}}},
            "a `budget` of money needs a `price`",
        ),
        (SERVED | {"base_url": URL}, "unknown key `base_url`. Did you mean `compute.base_url`?"),
    ],
)
def test_mistakes_are_told_in_plain_words(values, said):
    (problem,) = problems(values)
    assert said in problem


def test_what_wants_weights_is_refused_before_anything_runs(tmp_path):
    root = write_project(tmp_path, **{"lambda": 0.0, "rationale_source": "none"})
    edit(root, "conf/prompt/plain.yaml", layout="turns", tasks=TASKS)
    (root / "conf/student/small.yaml").write_text(dump_yaml(SERVED))
    assert load_all(root)[1]["student"].is_served
    edit(root, "params.yaml", seeds=[3, 4], feedback="wrong", synthetic=5)
    edit(root, "params.yaml", zero_shot=["student:plain"], gold_student=True)
    with pytest.raises(StillhouseError) as found:
        load_all(root)
    assert "one model has no 2 seeds: set `seeds: [3]`" in str(found.value)
    assert str(found.value).count("`zero_shot` asks the untrained student, and nobody here") == 1
    assert str(found.value).count("`gold_student: true` trains the student") == 1
    assert "`feedback: wrong` has the student trained and asked here" in str(found.value)


def test_the_shipped_example_is_whole():
    conf = load_entry(GROUPS["student"], "served_example", REPOSITORY)
    assert conf.is_served
