import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.deployment.export import conversations, default_system, warnings, write_chat

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
    write_chat(path, conversations(rows, "The answer is", rationales=rationales, system=system))
    lines = path.read_bytes().decode("utf-8").split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(rows)
    assert [format_errors(line) for line in lines] == [[]] * len(rows)
    first = path.read_bytes()
    write_chat(
        path, conversations(rows[::-1], "The answer is", rationales=rationales, system=system)
    )
    assert path.read_bytes() == first


def test_labels_alone_or_behind_the_rationale():
    (label,) = conversations([row()], "Answer:", rationales=False)
    assert [message["content"] for message in label["messages"]] == [
        default_system("Answer:", rationales=False),
        "1 + 1?",
        "2",
    ]
    (both,) = conversations([row()], "Answer:", rationales=True, system="")
    assert both["messages"][0]["role"] == "user"
    assert both["messages"][-1]["content"] == "One and one are two.\nAnswer: 2"


def test_rows_without_a_rationale_are_counted_and_keep_their_label():
    rows = [row(str(i), rationale=None if i < 3 else "Why.") for i in range(12)]
    examples = conversations(rows, "Answer:", rationales=True)
    assert examples[0]["messages"][-1]["content"] == "Answer: 2"
    assert warnings(rows, rationales=True) == [
        "3 of 12 rows have no rationale and hold the label alone."
    ]
    assert warnings(rows, rationales=False) == []
    assert "10 or more" in warnings(rows[:9], rationales=False)[0]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(StillhouseError, match="is a folder"):
        write_chat(tmp_path, [])
