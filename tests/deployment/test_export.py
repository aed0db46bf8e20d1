import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import Asked
from stillhouse.config.whole import load_entry
from stillhouse.core import paths
from stillhouse.core.conversation import read_messages
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_json
from stillhouse.core.tables import EXAMPLES, TRAINING, VALIDATION
from stillhouse.deployment.export import (
    ESTIMATED,
    Limits,
    as_asked,
    as_told,
    conversations,
    default_system,
    hand_over,
    refusals,
    student_tokens,
    write_chat,
)
from stillhouse.prompt.asked import asked_of_student
from stillhouse.students.text import StudentText
from stillhouse.students.weights import read_tokenizer
from tests.config.project import write_project
from tests.conftest import REPOSITORY
from tests.core.test_conversation import said
from tests.students.test_asked import CHATML, asked, dataset, query_of

TEXT = st.text(min_size=1, max_size=40).filter(str.strip)


def row(id_="a", query="1 + 1?", label="2", rationale="One and one are two."):
    return {"id": id_, "query": query, "label": label, "rationale": rationale, "origin": "real"}


def format_errors(line):
    """The published checks of the format: OpenAI cookbook, "Data preparation ... fine-tuning"."""
    example = json.loads(line)
    if not isinstance(example, dict) or not example.get("messages"):
        return ["messages"]
    messages = example["messages"]
    errors = [
        name
        for message in messages
        for name, wrong in {
            "key missing": not {"role", "content"} <= message.keys(),
            "key unknown": message.keys() - {"role", "content", "name", "weight"},
            "role unknown": message["role"] not in ("system", "user", "assistant"),
            "no content": not isinstance(message["content"], str) or not message["content"],
        }.items()
        if wrong
    ]
    roles = [message["role"] for message in messages]
    if roles[-2:] != ["user", "assistant"] or "system" in roles[1:]:
        errors.append(f"order {roles}")
    return errors


@given(
    st.lists(
        st.builds(row, TEXT, TEXT, TEXT, st.none() | TEXT), min_size=1, unique_by=lambda r: r["id"]
    ),
    st.booleans(),
    st.sampled_from([None, "", "Be brief."]),
)
def test_every_line_passes_the_published_checks(tmp_path_factory, rows, rationales, system):
    path = tmp_path_factory.mktemp("export") / "chat.jsonl"
    say = as_told("The answer is", rationales=rationales, system=system)
    write_chat(path, conversations(rows, say, ESTIMATED.count))
    lines = path.read_bytes().decode("utf-8").split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(rows)
    assert [format_errors(line) for line in lines] == [[]] * len(rows)
    first = path.read_bytes()
    write_chat(path, conversations(rows[::-1], say, ESTIMATED.count))
    assert path.read_bytes() == first


def contents(found):
    return [message["content"] for message in found.messages]


def test_labels_alone_or_behind_the_rationale():
    (label,) = conversations([row()], as_told("Answer:", rationales=False), len)
    assert contents(label) == [default_system("Answer:", rationales=False), "1 + 1?", "2"]
    (both,) = conversations([row()], as_told("Answer:", rationales=True, system=""), len)
    assert both.messages[0]["role"] == "user"
    assert contents(both)[-1] == "One and one are two.\nAnswer: 2"
    (alone,) = conversations([row(rationale=None)], as_told("Answer:", rationales=True), len)
    assert contents(alone)[-1] == "Answer: 2"


def test_a_conversation_is_what_a_student_asked_with_the_prompt_reads_and_learns(tiny_models):
    """Token by token: the chat template of the whole conversation is the training sequence."""
    tokenizer = read_tokenizer(tiny_models / "decoder")
    tokenizer.chat_template = CHATML
    text = StudentText(tokenizer, "decoder", asked("multiple_choice"), 512, 64)
    query = query_of("multiple_choice", ["red", "blue"])
    (found,) = conversations(
        [row(query=query, label="blue")], as_asked(asked("multiple_choice")), len
    )
    assert [message["role"] for message in found.messages] == ["system", "user", "assistant"]
    prompt = tokenizer.apply_chat_template(
        found.messages[:-1], tokenize=False, add_generation_prompt=True
    )
    assert tokenizer.decode(text.prompt(query, "label")[0]) == prompt
    assert text.decode(text.target("blue", query)) == contents(found)[-1] == "b"


def test_a_service_that_would_refuse_a_file_is_named_with_the_rows(tmp_path):
    rows = [row(f"r{n:02d}", query="long " * (40 if n < 7 else 1)) for n in range(12)]
    found = conversations(
        rows, as_told("A:", rationales=False, system=""), lambda t: len(t.split())
    )
    path = tmp_path / "train.jsonl"
    assert refusals(path, found, Limits(), fewest=10) == []
    (few,) = refusals(path, found[:9], Limits(), fewest=10)
    assert "9 rows, and at least 10" in few
    most = found[-1].tokens
    assert refusals(path, found, Limits(most_row_tokens=found[0].tokens), fewest=1) == []
    (long,) = refusals(path, found, Limits(most_row_tokens=most), fewest=1)
    assert "7 rows are over" in long
    assert f"'r00' ({found[0].tokens})" in long
    assert "and 2 more" in long
    assert "`reject`" in long
    written = sum(len(each.line.encode()) for each in found)
    assert refusals(path, found, Limits(most_file_mb=written / 1e6), fewest=1) == []
    (large,) = refusals(path, found, Limits(most_file_mb=(written - 1) / 1e6), fewest=1)
    assert "--most-file-mb" in large


def test_tokens_are_counted_by_a_students_tokenizer_where_there_is_one(tiny_models, tmp_path):
    text = "How many apples are there?"
    counted = student_tokens(tiny_models / "decoder")
    assert counted.count(text) == len(read_tokenizer(tiny_models / "decoder")(text)["input_ids"])
    assert str(tiny_models) in counted.said
    assert student_tokens(tmp_path) is ESTIMATED
    assert "estimated" in ESTIMATED.said
    assert ESTIMATED.count("Ж" * 8) == 4


def example(id_, split):
    return {
        "id": id_, "split": split, "query": "1 + 1?", "label": "2", "choices": [],
        "gold_rationale": None, "group": None, "meta": None,
    }  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A run's tables: 12 training rows, one of them synthetic, and two validation rows."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    ids = [f"t{n:02d}" for n in range(11)]
    splits = dict.fromkeys(ids, "train") | {"v0": "validation", "v1": "validation", "x": "test"}
    EXAMPLES.write_rows(example(*each) for each in splits.items())
    TRAINING.write_rows([*map(row, ids), row("synthetic-1", rationale=None)])
    VALIDATION.write_rows([{"id": id_, "query": "2 + 2?", "label": "4"} for id_ in ("v0", "v1")])
    return tmp_path


def export(*, rationales=False, system=None, limits=None, validation=None):
    file = paths.Path("train.jsonl")
    return hand_over(
        file, validation, rationales=rationales, system=system, limits=limits or Limits()
    )


def lines(path):
    return [json.loads(line)["messages"] for line in path.read_text().splitlines()]


def test_training_and_validation_rows_go_into_two_files_with_their_tokens(project):
    said = export(validation=project / "valid.jsonl")
    assert len(lines(project / "train.jsonl")) == 12
    assert [found[-1]["content"] for found in lines(project / "valid.jsonl")] == ["4", "4"]
    assert "12 rows in train.jsonl" in said[0]
    assert "in the longest row" in said[0]
    assert "no prompt asks" in said[-1]
    assert "estimated" in said[-1]
    assert export(rationales=True)[0] == "warning: 1 of 12 rows have no rationale: the label alone."


def test_the_prompt_is_the_student_s_where_it_can_ask_one(project):
    found = asked_of_student(load_entry(PromptConf, "vanilla", REPOSITORY), dataset("text"))
    write_json(paths.ASKED, found)
    assert "data/asked.json" in export()[-1]
    system = Asked.model_validate(found).system.strip()
    assert [message["content"] for message in lines(project / "train.jsonl")[0]] == [
        system, "1 + 1?", "2",
    ]  # fmt: skip
    export(system="Be brief.")
    assert lines(project / "train.jsonl")[0][0]["content"] == "Be brief."
    export(rationales=True)
    assert "finish with one line" in lines(project / "train.jsonl")[0][0]["content"]


def test_nothing_is_written_that_a_service_would_not_take(project):
    with pytest.raises(StillhouseError, match=r"12 rows, and at least 20") as error:
        export(limits=Limits(fewest_rows=20, most_row_tokens=1), validation=project / "v.jsonl")
    assert str(error.value).count("tokens (--most-row-tokens)") == 2
    assert "estimated" in str(error.value)
    assert not list(project.glob("*.jsonl"))


def test_no_test_row_leaves_the_project(project):
    TRAINING.write_rows([row(id_) for id_ in (*(f"t{n:02d}" for n in range(11)), "x")])
    with pytest.raises(StillhouseError, match=r"'x' is a test row.*`dvc repro`"):
        export()
    TRAINING.write_rows([row(f"t{n:02d}") for n in range(11)])
    VALIDATION.write_rows([{"id": "t00", "query": "1 + 1?", "label": "2"}])
    with pytest.raises(StillhouseError, match="'t00' is a train row, and only validation"):
        export(validation=project / "valid.jsonl")


def test_mistakes_are_said(project):
    with pytest.raises(StillhouseError, match="is a folder"):
        hand_over(project, None, rationales=False, system=None, limits=Limits())
    with pytest.raises(StillhouseError, match="for the training and for the validation rows"):
        export(validation=paths.Path("train.jsonl"))
    VALIDATION.write_rows([])
    with pytest.raises(StillhouseError, match="has no validation rows"):
        export(validation=project / "valid.jsonl")


def test_a_conversation_is_written_whole_as_a_student_is_asked():
    asked = Asked(
        system="Be kind.", query="Q: {{ query }}", target="{{ label }}", values={}, choices=(),
        chat=True,
    )  # fmt: skip
    spoken = read_messages(said("Hi!", "Hello.", "Who?", "Me.", system="You cook."))
    row = {"id": "a", "query": spoken.query, "label": spoken.label, "rationale": None}
    (found,) = conversations([row], as_asked(asked), ESTIMATED.count)
    expected = said("Q: Hi!", "Hello.", "Q: Who?", "Me.", system="Be kind.\n\nYou cook.")
    assert found.messages == expected
