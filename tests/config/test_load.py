"""Loading: every mistake at once, each with file, key, value and a way out."""

import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stillhouse.config.knobs import Knobs
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.config.whole import GROUPS, check_all, load_all, load_entry, names
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import dump_yaml, read_yaml
from stillhouse.stage import StageConfig
from tests.config.project import ENTRIES, PARAMS, edit, write_project
from tests.conftest import REPOSITORY


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


def failure(root, load=load_all):
    with pytest.raises(StillhouseError) as error:
        load(root)
    return str(error.value)


def test_a_valid_project_loads(project):
    knobs, entries = load_all(project)
    assert knobs.lambda_ == 1.0
    assert set(entries) == set(GROUPS)
    assert check_all(project) == 9


def test_all_mistakes_are_listed_at_once(project):
    model = ENTRIES["student/small"]["model"] | {"family": "rnn"}
    edit(project, "params.yaml", teacher="smal", embedder="x", k=-3)
    edit(project, "conf/student/small.yaml", model=model, trainng={}, decoding=None)
    edit(project, "conf/dataset/own.yaml", splits={"test": {"read": ["own.csv"]}})
    message = failure(project)
    assert message.startswith("7 mistakes in the configuration:")
    for said in (
        "`k` is -3: ",
        "`teacher` is 'smal', but conf/teacher/smal.yaml does not exist. Did you mean 'small'?",
        "conf/embedder/x.yaml does not exist. Known: small.",
        "`model.family` is 'rnn'",
        "unknown key `trainng`. Did you mean 'training'",
        "`decoding` is missing",
        "`splits` must have a `train` split",
    ):
        assert said in message


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("k", -1),
        ("k", "five"),
        ("k", 2.5),
        ("fraction", 0),
        ("fraction", 1.01),
        ("limit", 0),
        ("lambda", -0.1),
        ("lambda", "much"),
        ("exemplars", "best"),
        ("label_source", "silver"),
        ("seeds", []),
        ("seeds", [1, 1]),
        ("seeds", 3),
        ("synthetic", -1),
        ("dataset", 7),
    ],
)
def test_a_wrong_value_is_named_with_its_key(project, knob, value):
    edit(project, "params.yaml", **{knob: value})
    message = failure(project)
    assert f"params.yaml: `{knob}` is {value!r}" in message


def test_a_key_that_dvc_tracks_must_be_written_even_as_its_default(project):
    edit(project, "conf/dataset/own.yaml", reject=None)
    message = failure(project)
    assert "dataset/own.yaml: `reject` is missing; write it out" in message
    assert "`reject: []`" in message


def test_an_unknown_knob_suggests_the_near_one(project):
    edit(project, "params.yaml", lamda=0.5)
    assert "unknown key `lamda`. Did you mean 'lambda'" in failure(project)


def test_a_key_that_belongs_into_a_section_is_told_which(project):
    edit(project, "conf/student/small.yaml", source="file:data/raw/decoder")
    assert "unknown key `source`. Did you mean `model.source`?" in failure(project)


def test_a_missing_knob_is_named(project):
    edit(project, "params.yaml", exemplars=None)
    assert "params.yaml: `exemplars` is missing." in failure(project)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("k: [1, 2", "line 1"),
        ("k: 1\n\tlimit: 2", "line 2"),
        ("- k\n- limit", "expected a mapping of keys, found list"),
        ("", "expected a mapping of keys, found NoneType"),
    ],
)
def test_malformed_yaml_names_the_file_and_the_line(project, text, said):
    (project / "params.yaml").write_text(text)
    message = failure(project)
    assert "params.yaml" in message
    assert said in message


def test_bytes_that_are_no_text_are_a_users_error(project):
    (project / "params.yaml").write_bytes(b"\xff\xfe\x00")
    assert "not well-formed YAML" in failure(project)


@pytest.mark.parametrize("text", ["1e-05", "1e-5", "1E-5", "0.00001", "1.0e-5", "+1e-05"])
def test_numbers_are_those_of_yaml_1_2_as_dvc_writes_them(project, text):
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("lambda: 1.0", f"lambda: {text}"))
    assert load_all(project)[0].lambda_ == pytest.approx(1e-5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_as_that_float(tmp_path, value):
    (tmp_path / "x.yaml").write_text(f"x: {value!r}")
    assert read_yaml(tmp_path / "x.yaml") == {"x": value}
    assert isinstance(read_yaml(tmp_path / "x.yaml")["x"], float)


@pytest.mark.parametrize(
    "text", ["1e", "e5", "1_000.5e", "v1.2.3", "12e5x", "2024-01-01x", "1.2.3"]
)
def test_words_that_look_like_numbers_stay_words(tmp_path, text):
    (tmp_path / "x.yaml").write_text(f"x: {text}")
    assert read_yaml(tmp_path / "x.yaml") == {"x": text}


def test_check_all_reads_the_unused_entries_too(project):
    (project / "conf/teacher/broken.yaml").write_text("description: [")
    (project / "conf/prompt/leak.yaml").write_text(
        yaml.safe_dump(
            {
                "description": "",
                "layout": "text",
                "reply": "rationale",
                "splits": ["train", "test"],
                "tasks": {"nli": {"query": "{{ query"}},
            }
        )
    )
    load_all(project)
    message = failure(project, check_all)
    assert "conf/teacher/broken.yaml is not well-formed YAML" in message
    assert "conf/prompt/leak.yaml: `tasks.nli.query`" in message
    assert "template error on line 1" in message


def test_one_entry_loads_by_its_model(project):
    assert load_entry(TeacherConf, "small", project).model.name == "small"
    with pytest.raises(StillhouseError, match="Did you mean 'small'"):
        load_entry(TeacherConf, "smal", project)


class EvaluateConfig(StageConfig):
    student: StudentConf


class TrainConfig(StageConfig):
    lambda_: float
    student: StudentConf


def test_a_stage_sees_the_keys_that_dvc_yaml_tracks_for_it_and_no_other(project):
    config = TrainConfig.load("train_student", project)
    assert config.lambda_ == 1.0
    assert config.student.model.family == "decoder"
    assert config.student.compute.eval_batch_size == 32  # DVC does not track it
    with pytest.raises(AttributeError):
        _ = config.student.decoding
    with pytest.raises(AttributeError):
        _ = config.k  # type: ignore[attr-defined]
    student = EvaluateConfig.load("evaluate", project).student
    assert student.decoding.decode == "generate"
    with pytest.raises(AttributeError):
        _ = student.model
    with pytest.raises(AttributeError):
        _ = student.description


class NamingConfig(StageConfig):
    student_name: str


def test_a_stage_may_see_the_name_of_an_entry_alone(project):
    assert NamingConfig.load("train_student", project).student_name == "small"
    with pytest.raises(StillhouseError, match="stage `ingest` depends on the knob `student`"):
        NamingConfig.load("ingest", project)


def test_what_dvc_yaml_does_not_declare_is_refused(project):
    with pytest.raises(StillhouseError, match="stage `evaluate` depends on the knob `lambda`"):
        TrainConfig.load("evaluate", project)
    pipeline = read_yaml(project / "dvc.yaml")
    tracked = pipeline["stages"]["evaluate"]["params"]
    pipeline["stages"]["evaluate"]["params"] = [p for p in tracked if "student" not in str(p)]
    pipeline["stages"]["evaluate"]["params"].append("student")
    (project / "dvc.yaml").write_text(dump_yaml(pipeline))
    with pytest.raises(StillhouseError, match="depends on the entry of conf/student"):
        EvaluateConfig.load("evaluate", project)
    with pytest.raises(StillhouseError, match=r"no stage 'evaluat'\. Did you mean 'evaluate'"):
        EvaluateConfig.load("evaluat", project)


def rewrite(project, change):
    pipeline = read_yaml(project / "dvc.yaml")
    change(pipeline["stages"])
    (project / "dvc.yaml").write_text(dump_yaml(pipeline))


def test_a_key_that_is_read_and_not_tracked_is_said(project):
    student = EvaluateConfig.load("evaluate", project).student
    with pytest.raises(
        StillhouseError, match=r"`model` of StudentConf .* dvc\.yaml does not track"
    ):
        _ = student.model


def test_what_dvc_yaml_tracks_is_there(project):
    tracked = ["k", "kk", {"conf/dataset/${dataset}.yaml": ["answer.metric", "anser"]}]
    rewrite(project, lambda stages: stages["prompt"].update(params=tracked))
    said = failure(project)
    assert "stage `prompt` tracks the knob `kk`, which params.yaml does not have" in said
    assert "tracks the key `anser`, which conf/dataset does not have. Did you mean 'answer'" in said
    assert (
        "tracks the key `answer.metric`, but stages are given whole keys: write `answer`." in said
    )


def test_whole_files_are_tracked(project):
    whole = [{"params.yaml": None}, {"conf/student/${student}.yaml": None}]
    rewrite(project, lambda stages: stages["evaluate"].update(params=whole))
    assert EvaluateConfig.load("evaluate", project).student.description == "Small"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no mapping `stages`"),
        ("- a", "no mapping `stages`"),
        ("stages: [a]", "no mapping `stages`"),
        ("stages: {prompt: x}", "the stage `prompt` is no mapping"),
        ("stages: {prompt: {outs: null}}", "`outs` of the stage `prompt` is no list"),
        ("stages:\n\tprompt: {}", "not well-formed YAML"),
    ],
)
def test_a_broken_pipeline_is_a_users_mistake(project, text, said):
    (project / "dvc.yaml").write_text(text)
    with pytest.raises(StillhouseError, match=said):
        load_all(project)


def test_another_folder_is_said_to_be_none(tmp_path):
    with pytest.raises(StillhouseError, match="Run this in the project's own folder"):
        load_all(tmp_path)


@pytest.mark.parametrize(
    ("section", "key", "said"),
    [
        ("training", "saved_precision", "it is written as `model.precision`"),
        ("training", "max_query_tokens", "it stands in `model`: `model.max_query_tokens`"),
        (None, "generation", "it is written as `decoding`"),
    ],
)
def test_a_key_of_before_is_told_its_place(project, section, key, said):
    student = read_yaml(project / "conf/student/small.yaml")
    (student[section] if section else student)[key] = 64
    (project / "conf/student/small.yaml").write_text(dump_yaml(student))
    assert said in failure(project)


def test_a_stage_checks_the_whole_configuration_first(project):
    edit(project, "conf/teacher/small.yaml", context=0)
    with pytest.raises(StillhouseError, match="`context` is 0"):
        TrainConfig.load("train_student", project)


def test_configuration_cannot_be_changed(project):
    knobs, entries = load_all(project)
    with pytest.raises(ValidationError):
        knobs.k = 3
    with pytest.raises(ValidationError):
        entries["teacher"].context = 3


def test_the_shipped_configuration_is_valid():
    assert check_all(REPOSITORY) == 1 + len(list((REPOSITORY / "conf").rglob("*.yaml")))
    load_all(REPOSITORY)


def test_the_shipped_params_are_flat_knobs_with_a_word_on_each():
    text = (REPOSITORY / "params.yaml").read_text()
    keys = re.findall(r"^(\w+):", text, re.MULTILINE)
    assert keys == list(yaml.safe_load(text))
    assert set(keys) == set(PARAMS)
    assert set(keys) == {field.alias or name for name, field in Knobs.model_fields.items()}


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_entries_and_each_is_described(group):
    entries = [load_entry(GROUPS[group], name, REPOSITORY) for name in names(group, REPOSITORY)]
    assert entries
    for entry in entries:
        assert len(entry.model_dump()["description"]) > 10


@pytest.mark.parametrize("path", ["/etc/passwd", "../own.csv", "a/../../own.csv"])
def test_paths_that_leave_their_source_are_mistakes_of_the_configuration(project, path):
    splits = {"train": {"read": [path], "mirror": [path]}}
    edit(project, "conf/dataset/own.yaml", splits=splits, human_exemplars=path)
    recorded = {"outputs": [path], "rows": path, "id": "{{ _row }}"}
    model = {"name": "x", "source": "file:data/raw/x", "recorded": [recorded]}
    edit(project, "conf/teacher/small.yaml", model=model)
    message = failure(project)
    for key in (
        "`splits.train.read.0`",
        "`splits.train.mirror.0`",
        "`human_exemplars`",
        "`model.recorded.0.outputs.0`",
        "`model.recorded.0.rows`",
    ):
        assert f"{key} is {path!r}: it " in message


def test_paths_are_normalised(project):
    splits = {"train": {"read": ["./sets//own.csv"]}, "test": {"read": ["test.csv"]}}
    edit(project, "conf/dataset/own.yaml", splits=splits)
    dataset = load_all(project)[1]["dataset"]
    assert dataset.splits["train"].read == ("sets/own.csv",)


@pytest.mark.parametrize(
    ("knob", "value"),
    [("label_filter", "correct"), ("rationale_filter", "consistent"), ("feedback", "wrong")],
)
def test_graded_answers_are_neither_right_nor_wrong(project, knob, value):
    summaries = {"answer": {"metric": "summary"}, "task": "summary"}
    edit(project, "conf/dataset/own.yaml", **summaries)
    edit(project, "conf/prompt/plain.yaml", tasks={"summary": {"query": "{{ query }}"}})
    load_all(project)
    edit(project, "params.yaml", **{knob: value})
    with pytest.raises(StillhouseError, match=f"{knob}: {value}.*scored by entity density"):
        load_all(project)
