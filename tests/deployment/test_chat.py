"""A student of conversations in use: texts, rows, chats over HTTP and at a prompt, its card."""

import json
import os
import subprocess

import pytest

from stillhouse.card.usage import snippet
from stillhouse.config.student import Asked
from stillhouse.core.conversation import read_messages
from stillhouse.core.text import printable
from stillhouse.deployment.asker import Asker
from stillhouse.deployment.predict import Wanted, predict_at_prompt
from stillhouse.evaluate.chat import chat_example
from stillhouse.students.folder import read_manifest, save_student, untrained_student
from stillhouse.students.serving import read_serving
from tests.core.test_conversation import said
from tests.deployment.conftest import CPU, DECODING, conf, serve_with
from tests.deployment.test_serve import post

ASKED = Asked(
    system="Be kind.", query="{{ query }}", target="{{ label }}", values={}, choices=(), chat=True
)
MESSAGES = said("Hi!", "GOLD", "Who are you?")
INPUTS = {
    "messages": "messages", "query": "", "choices": [], "columns": ["messages"], "optional": [],
    "quoting": None, "separator": None, "example": {
        "columns": {"messages": MESSAGES}, "query": read_messages(MESSAGES).query, "choices": [],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tiny_models, tmp_path_factory):
    made = tmp_path_factory.mktemp("chat") / "seed=0"
    student = untrained_student(conf(tiny_models).model_copy(update={"templates": ASKED}))
    save_student(made / "model", student, "float32", {"rationales": 0})
    example = chat_example(student, INPUTS["example"], DECODING, CPU)
    serve_with(made, INPUTS | {"example": example}, metric="rating")
    return made


@pytest.fixture
def asker(folder):
    return Asker(folder, CPU)


def own(asker, *turns):
    """The student's own replies to some turns, asked one after the other."""
    replies = []
    for place in range(len(turns)):
        texts = [text for pair in zip(turns, replies, strict=False) for text in pair]
        query = asker.of_messages(said(*texts, turns[place]))
        replies.append(asker.answers([query])[0].prediction)
    return replies


def test_a_row_gets_a_reply_to_every_turn_and_a_text_gets_one(asker):
    row, text = asker.answers([asker.of_row({"messages": MESSAGES}, "row"), asker.of_text("Hi!")])
    replies = own(asker, "Hi!", "Who are you?")
    assert json.loads(row.prediction) == replies
    assert text.prediction == replies[0]
    assert (row.score, text.score, row.problem) == (None, None, None)


def test_the_datasets_own_replies_are_never_read(asker):
    other = said("Hi!", "another GOLD", "Who are you?")
    queries = [asker.of_row({"messages": each}, "row") for each in (MESSAGES, other)]
    first, second = asker.answers(queries)
    assert first == second
    assert "GOLD" not in queries[0].text


def test_a_chat_so_far_is_read_with_the_replies_that_it_had(asker):
    chats = [said("Hi!", reply, "Who are you?") for reply in ("Hello.", "Go away " * 8)]
    assert [asker.of_messages(each).before for each in chats] == [
        ("Hello.",), (("Go away " * 8).strip(),),
    ]  # fmt: skip
    asked = [asker.student.text.next_turn(asker.of_messages(c).text, asker.of_messages(c).before)
             for c in chats]  # fmt: skip
    assert asked[0] != asked[1]


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (said("Hi!", "Hello."), "the last message is not the user's"),
        (said("Hi!", "")[:1] * 2, "two messages of the user in a row"),
        ("Hi!", "no list of messages"),
    ],
)
def test_what_is_no_chat_says_why(asker, messages, problem):
    assert asker.of_messages(messages).problem == problem


def test_a_chat_that_is_too_long_has_no_reply_and_says_so(asker):
    long = said("Hi!", "word " * 600, "Who?")
    (answer,) = asker.answers([asker.of_messages(long)])
    assert "the chat so far is longer than the student sees" in answer.problem
    status, body = post(asker, "/v1/chat/completions", {"model": "student", "messages": long})
    assert (status, "longer than the student sees" in body["error"]["message"]) == (422, True)


def test_over_http_a_chat_goes_on(asker):
    replies = own(asker, "Hi!", "Who are you?")
    talk = said("Hi!", replies[0], "Who are you?")
    status, body = post(asker, "/v1/chat/completions", {"model": "student", "messages": talk})
    assert status == 200
    assert body["choices"][0]["message"]["content"] == replies[1]
    status, body = post(asker, "/predict", {"inputs": {"messages": MESSAGES}})
    assert (status, json.loads(body["prediction"])) == (200, replies)
    bad = said("Hi!", "Hello.", "Who?")[1:]
    status, body = post(asker, "/v1/chat/completions", {"model": "student", "messages": bad})
    assert (status, "the assistant begins" in body["error"]["message"]) == (422, True)


def test_at_a_prompt_it_remembers_what_was_said(asker, capsys):
    typed = iter(["Hi!", "", "Who are you?"])

    def ask():
        for line in typed:
            return line
        raise EOFError

    told = []
    predict_at_prompt(asker, Wanted(), told.append, ask)
    replies = own(asker, "Hi!", "Who are you?")
    shown = [printable(" ".join(each.split())) for each in replies]
    assert [line.split("\t")[0] for line in told] == shown
    assert "A message a line" in capsys.readouterr().err


def test_its_card_has_a_program_that_gives_its_first_reply(folder, asker, fast):
    serving = read_serving(folder)
    program = snippet(read_manifest(folder / "model"), serving, serving.example)
    assert "GOLD" not in program
    run = subprocess.run(
        [fast / "python", "-c", program], cwd=folder, capture_output=True, text=True, check=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    first = json.loads(serving.example.prediction)[0]
    assert run.stdout.strip() == first == own(asker, "Hi!")[0]
