"""The backend `recorded`: outputs on file, found by id; the published files where at hand."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.teacher import TeacherConf
from stillhouse.config.whole import load_entry
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import Message
from stillhouse.sources.pin import pin
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.backends.recorded import NO_OUTPUT, open_teacher
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.protocol import Failure, Request
from tests.conftest import REPOSITORY
from tests.teacher_generate.helpers import prompts, rows, teacher


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a folder data/raw/published."""
    folder = tmp_path / "data" / "raw" / "published"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return folder


def conf(*recorded: dict[str, Any], **decoding: Any) -> TeacherConf:
    return teacher(
        model={"source": pin(Path("data/raw/published")), "recorded": list(recorded)},
        decoding=decoding,
        compute={"backend": "recorded"},
    )


def ask(opened: Any, ids: Iterable[str]) -> dict[str, Completion | Failure]:
    requests = [Request(id_, 0, (Message("user", "?"),)) for id_ in ids]
    return {a.request.id: a.result for batch in opened.generate(iter(requests)) for a in batch}


def write_lines(path: Path, values: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def test_json_lines_with_ids_of_their_own(workspace: Path) -> None:
    write_lines(workspace / "out.jsonl", [{"key": "b", "text": "Two."}, {"key": "a", "text": "1"}])
    opened = open_teacher(conf({"outputs": ["out.jsonl"], "field": "text", "id": "{{ key }}"}))
    outcomes = ask(opened, ["a", "b"])
    assert outcomes["a"] == Completion("1", "stop", None, None)
    assert outcomes["b"] == Completion("Two.", "stop", None, None)


def test_batches_of_arrays_follow_the_rows_in_order(workspace: Path) -> None:
    (workspace / "x_0.json").write_text(json.dumps(["zero", "one"]))
    (workspace / "x_1.json").write_text(json.dumps(["two"]))
    write_lines(workspace / "rows.jsonl", [{"id": "c"}, {"id": "a"}, {"id": "b"}])
    recorded = {"outputs": ["x_0.json", "x_1.json"], "rows": "rows.jsonl", "id": "{{ id }}"}
    outcomes = ask(open_teacher(conf(recorded)), "abc")
    texts = {id_: outcome.text for id_, outcome in outcomes.items()}  # type: ignore[union-attr]
    assert texts == {"c": "zero", "a": "one", "b": "two"}


def test_ids_by_place_alone(workspace: Path) -> None:
    (workspace / "x.json").write_text(json.dumps(["zero", "one"]))
    outcomes = ask(open_teacher(conf({"outputs": ["x.json"], "id": "test-{{ _row }}"})), ["test-1"])
    assert outcomes["test-1"] == Completion("one", "stop", None, None)


def test_a_run_on_text_is_cut_as_a_running_model_would_be(workspace: Path) -> None:
    (workspace / "x.json").write_text(json.dumps(["Yes.\n\nQ: more? A: no", "It is becau"]))
    recorded = {"outputs": ["x.json"], "id": "{{ _row }}", "finish": "length"}
    outcomes = ask(open_teacher(conf(recorded, stop=["\n\nQ:"])), "01")
    assert outcomes["0"] == Completion("Yes.", "stop", None, None)
    assert outcomes["1"] == Completion("It is becau", "length", None, None)


def test_a_row_without_an_output_fails_and_is_named(workspace: Path) -> None:
    write_lines(workspace / "out.jsonl", [{"id": "a", "text": "1"}])
    recorded = conf({"outputs": ["out.jsonl"], "field": "text", "id": "{{ id }}"})
    assert ask(open_teacher(recorded), ["q"]) == {"q": Failure(NO_OUTPUT)}
    with pytest.raises(StillhouseError, match=r"2 of 3 completions are missing:\n  2 x .*: q, r"):
        generate(prompts({"a": "?", "q": "?", "r": "?"}), recorded)


def test_equal_prompts_keep_their_own_outputs(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(workspace / "out.jsonl", [{"id": i, "text": f"for {i}"} for i in "ab"])
    recorded = conf({"outputs": ["out.jsonl"], "field": "text", "id": "{{ id }}"})
    table = generate(prompts({"a": "same", "b": "same"}), recorded).completions
    assert rows(table) == {("a", 0): ("for a", "stop"), ("b", 0): ("for b", "stop")}
    said = capsys.readouterr().err
    assert "2 recorded completions are read; nobody is asked" in said
    assert "to ask" not in said


@pytest.mark.parametrize(
    ("files", "recorded", "message"),
    [
        ({"x.json": '["a", "b"]', "r.jsonl": '{"id": 1}'}, {"rows": "r.jsonl"}, "1 rows, but .* 2"),
        ({"x.json": '["a", "b"]'}, {"id": "same"}, "the id 'same' has two recorded outputs"),
        ({"x.json": '["a"'}, {}, "not well-formed JSON"),
        ({"x.json": '{"id": "a"}'}, {}, "not a JSON array of strings"),
        ({"x.json": '["a", null]'}, {}, "output 1 is NoneType, not a text"),
        ({"x.json": '{"id": 1, "txt": "a"}'}, {"field": "text"}, "no field 'text'.*'txt'"),
        ({"y.json": "[]"}, {}, "x.json does not exist.*y.json"),
        ({"x.json": '["a"]'}, {"id": "{{ key }}"}, "row 0 of x.json"),
    ],
)
def test_files_that_do_not_fit_are_one_clear_error(
    workspace: Path, files: dict[str, str], recorded: dict[str, Any], message: str
) -> None:
    for name, content in files.items():
        (workspace / name).write_text(content)
    with pytest.raises(StillhouseError, match=message):
        open_teacher(conf({"outputs": ["x.json"], "id": "{{ _row }}"} | recorded))


def test_outputs_below_data_raw_need_their_hash(workspace: Path) -> None:
    """DVC watches that folder for the dataset alone: other texts would go unnoticed."""
    (workspace / "x.json").write_text('["a"]')
    described = conf({"outputs": ["x.json"], "id": "{{ _row }}"})
    assert ask(open_teacher(described), "0")["0"] == Completion("a", "stop", None, None)
    (workspace / "x.json").write_text('["b"]')
    with pytest.raises(StillhouseError, match="is not what the configuration pins"):
        open_teacher(described)
    model = described.model.model_copy(update={"source": "file:data/raw/published"})
    with pytest.raises(StillhouseError, match=r"no hash.*`stillhouse pin data/raw/published`"):
        open_teacher(described.model_copy(update={"model": model}))


def test_damaged_and_marked_texts_and_awkward_columns_are_read(workspace: Path) -> None:
    lines = (
        '\ufeff{"row id": "a", "text": "half \\ud83d here"}\n\ufeff{"row id": "b", "text": "2"}\n'
    )
    (workspace / "out.jsonl").write_text(lines, encoding="utf-8")
    recorded = {"outputs": ["out.jsonl"], "field": "text", "id": '{{ row["row id"] }}'}
    table = generate(prompts({"a": "?", "b": "?"}), conf(recorded)).completions
    assert rows(table) == {("a", 0): ("half \ufffd here", "stop"), ("b", 0): ("2", "stop")}


def test_outputs_that_are_no_text_are_one_message(workspace: Path) -> None:
    (workspace / "x.json").write_bytes('["é"]'.encode("latin-1"))
    with pytest.raises(StillhouseError, match=r"x\.json is not UTF-8 text"):
        open_teacher(conf({"outputs": ["x.json"], "id": "{{ _row }}"}))


def test_one_completion_a_row_and_no_list_are_refused(workspace: Path) -> None:
    (workspace / "x.json").write_text("[]")
    recorded = {"outputs": ["x.json"], "id": "{{ _row }}"}
    with pytest.raises(StillhouseError, match="samples: 2"):
        open_teacher(conf(recorded, samples=2, temperature=1.0))
    with pytest.raises(StillhouseError, match=r"model\.recorded"):
        open_teacher(conf())


@given(st.lists(st.text(), unique=True, max_size=8), st.randoms())
def test_any_text_comes_back_under_its_id(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], random: Any
) -> None:
    folder = tmp_path_factory.mktemp("published")
    write_lines(folder / "out.jsonl", [{"id": f"r{i}", "t": text} for i, text in enumerate(texts)])
    from stillhouse.sources.content import content_hash

    source = f"file:{folder}#sha256={content_hash(folder)}"
    recorded = [{"outputs": ["out.jsonl"], "field": "t", "id": "{{ id }}"}]
    opened = open_teacher(
        teacher(model={"source": source, "recorded": recorded}, compute={"backend": "recorded"})
    )
    order = list(range(len(texts)))
    random.shuffle(order)
    outcomes = ask(opened, [f"r{i}" for i in order])
    assert [outcomes[f"r{i}"].text for i in range(len(texts))] == texts  # type: ignore[union-attr]


PUBLISHED = {
    # Rows without a further `Q:` were counted over the files by hand: they were cut short.
    "palm_540b_cqa": (9741 + 1221, 0),
    "palm_540b_svamp": (1000, 17),
    "llama3_chatqa_8b_svamp_rag": (1000, 0),
}


@pytest.fixture
def mirror(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(shared_data))
    return shared_data


def published(name: str, ids: Iterable[str]) -> dict[str, Completion]:
    outcomes = ask(open_teacher(load_entry(TeacherConf, name, REPOSITORY)), ids)
    assert all(isinstance(outcome, Completion) for outcome in outcomes.values())
    return outcomes  # type: ignore[return-value]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


SVAMP = [f"train-{i:03d}" for i in range(800)] + [f"test-{i:03d}" for i in range(200)]


def test_palm_on_commonsense_qa(mirror: Path) -> None:
    gold = lines(mirror / "cos_e/train.jsonl") + lines(mirror / "cos_e/validation.jsonl")
    outcomes = published("palm_540b_cqa", [row["id"] for row in gold])
    total, cut = PUBLISHED["palm_540b_cqa"]
    assert len(outcomes) == total
    assert sum(o.finish_reason == "length" for o in outcomes.values()) == cut
    # Rows shifted by one would agree with gold one time in five.
    ends = [outcomes[row["id"]].text.rstrip(" .\n").endswith(row["answer"]) for row in gold]
    assert sum(ends) / total > 0.7


def test_palm_on_svamp(mirror: Path) -> None:
    outcomes = published("palm_540b_svamp", SVAMP)
    total, cut = PUBLISHED["palm_540b_svamp"]
    assert len(outcomes) == total
    assert sum(o.finish_reason == "length" for o in outcomes.values()) == cut
    assert outcomes["train-000"].text.startswith("Luke scored 84 points")
    assert outcomes["train-000"].text.endswith("The answer is (84 / 2).")


def test_llama3_on_svamp_is_aligned_with_the_dataset(mirror: Path) -> None:
    outcomes = published("llama3_chatqa_8b_svamp_rag", SVAMP)
    assert len(outcomes) == PUBLISHED["llama3_chatqa_8b_svamp_rag"][0]
    files = [lines(mirror / f"dss_rag_llama3/svamp_{split}.jsonl") for split in ("train", "test")]
    texts = [row["gen_label"] for file in files for row in file]
    assert [outcomes[id_].text for id_ in SVAMP] == texts


def test_svamp_rows_of_both_files_are_those_of_the_dataset(mirror: Path) -> None:
    """The recorded ids count rows, so the dataset's rows must be these, in this order."""
    from stillhouse.config.dataset import DatasetConf
    from stillhouse.ingest.examples import build_examples
    from stillhouse.ingest.raw import read_splits

    dataset = load_entry(DatasetConf, "svamp_hsieh", REPOSITORY)
    examples, _metrics = build_examples(dataset, read_splits(dataset))
    queries = {row["id"]: row["query"] for row in examples}
    files = [lines(mirror / f"dss_rag_llama3/svamp_{split}.jsonl") for split in ("train", "test")]
    inputs = [row["input"] for file in files for row in file]
    assert [queries[id_] for id_ in SVAMP] == [text.strip() for text in inputs]
