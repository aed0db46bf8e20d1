"""What a judge is asked about replies, and what becomes of its verdicts."""

import json

import pytest

from stillhouse.config.judge import JudgeConf
from stillhouse.config.whole import load_entry
from stillhouse.core.conversation import read_messages
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import RATINGS
from stillhouse.rate.rate import cases_of, conversation_ratings, rate
from stillhouse.rate.replies import replies_of_student, replies_of_teacher
from tests.conftest import REPOSITORY
from tests.core.test_conversation import said
from tests.teacher_generate.helpers import client, store, teacher
from tests.teacher_generate.loopback import serve
from tests.teacher_generate.scripts import Puppet, completion, install

HHH = load_entry(JudgeConf, "hhh", REPOSITORY)


def example(id_, *texts, split="test", group=None, system=None):
    found = read_messages(said(*texts, system=system))
    return {"id": id_, "split": split, "query": found.query, "label": found.label, "group": group}


EXAMPLES = {
    row["id"]: row
    for row in (
        example("a", "one", "GOLD", "two", "GOLD"),
        example("b", "three", "GOLD", system="Be brief."),
        example("t", "four", "GOLD", split="train"),
    )
}
REPLIES = {"untrained": {"a": ["x", "y"], "b": ["z"]}, "seed=0": {"a": ["p", "q"], "b": ["r"]}}


def body(text):
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "finish_reason": "stop", "message": message}]})


def test_a_reply_is_rated_with_the_models_own_replies_before_it_and_none_before_a_first():
    first, second = cases_of("m", "a", EXAMPLES["a"]["query"], ["x", "y"])
    assert first.values == {"query": "one", "answer": "x", "history": []}
    assert second.values == {"query": "two", "answer": "y", "history": said("one", "x")}
    (alone,) = cases_of("m", "b", EXAMPLES["b"]["query"], ["z"])
    assert alone.values["history"] == [{"role": "system", "content": "Be brief."}]


def test_the_judge_reads_the_chat_and_never_a_gold_reply(tmp_path, monkeypatch):
    puppet = Puppet(lambda request: completion("Fine.\nRating: 3"))
    install(monkeypatch, puppet)
    rate(REPLIES, EXAMPLES, HHH, teacher(), store=store(tmp_path))
    asked = ["\n".join(m.content for m in request.messages) for request in puppet.asked]
    assert len(asked) == 6
    assert not [text for text in asked if "GOLD" in text]
    assert sum("[The chat so far]" in text for text in asked) == 4  # second turns, and a system's
    later = next(text for text in asked if "[The assistant's answer]\ny" in text)
    assert "user: one\nassistant: x\n" in later


def test_ratings_are_means_over_turns_then_over_conversations(tmp_path, monkeypatch):
    worth = {"x": 1, "y": 4, "z": 5, "p": 2, "q": 2, "r": 3}

    def judged(request):
        answer = request.messages[-1].content.split("[The assistant's answer]\n")[1][0]
        return completion(f"So so.\nRating: {worth[answer]}")

    install(monkeypatch, Puppet(judged))
    rows, metrics = rate(REPLIES, EXAMPLES, HHH, teacher(), store=store(tmp_path))
    RATINGS.at(tmp_path / "ratings.parquet").write_rows(rows)
    assert len(rows) == 6
    scores = conversation_ratings(rows)
    assert scores["untrained"] == {"a": 2.5, "b": 5.0}
    figures = metrics["untrained"]
    assert (figures["rating"], figures["rows"], figures["rated"]) == (3.75, 2, 3)
    assert 1 <= figures["rating_low"] <= 3.75 <= figures["rating_high"] <= 5
    assert metrics["seed=0"]["rating"] == 2.5


@pytest.mark.parametrize(
    "unclear",
    ["Rating: 6", "Rating: 0", "Rating: 45", "It is a very good answer, I would say.", "",
     "Rating: 3 or 4", "Rating: four"],
)  # fmt: skip
def test_a_verdict_that_is_none_is_counted_and_left_out(tmp_path, unclear):
    """A judge behind a server that gives a 6, or prose, for one turn."""
    answers = {"[The assistant's answer]\ny": body(unclear), "[The assistant": body("Rating: 2")}
    with serve(responses=answers) as server:
        found, metrics = rate(REPLIES, EXAMPLES, HHH, client(server.url), store=store(tmp_path))
        asked = server.requests()
        again = rate(REPLIES, EXAMPLES, HHH, client(server.url), store=store(tmp_path))
        assert (asked, server.requests()) == (6, 6)
    assert again == (found, metrics)
    ratings = {(row["model"], row["id"], row["turn"]): row["rating"] for row in found}
    assert ratings["untrained", "a", 2] is None
    assert [value for value in ratings.values() if value is not None] == [2.0] * 5
    assert (metrics["untrained"]["rated"], metrics["untrained"]["unrated"]) == (2, 1)
    assert metrics["untrained"]["rating"] == 2.0  # by the turns that have one


def test_a_conversation_without_any_verdict_has_no_rating(tmp_path):
    answers = {"[The assistant's answer]\nz": body("Well."), "[The assistant": body("Rating: 2")}
    with serve(responses=answers) as server:
        rows, metrics = rate(REPLIES, EXAMPLES, HHH, client(server.url), store=store(tmp_path))
    assert conversation_ratings(rows)["untrained"] == {"a": 2.0}
    assert metrics["untrained"]["rows"] == 1
    assert metrics["seed=0"]["rows"] == 2


def test_a_judge_that_never_gives_a_verdict_stops_the_run(tmp_path):
    with (
        serve(responses={"[The assistant": body("Who am I to judge?")}) as server,
        pytest.raises(StillhouseError, match="gave no verdict on any reply of the model 'unt"),
    ):
        rate(REPLIES, EXAMPLES, HHH, client(server.url), store=store(tmp_path))


def test_intervals_draw_groups_of_conversations_together(tmp_path, monkeypatch):
    def judged(request):
        return completion(f"Rating: {1 + 4 * ('even' in request.messages[-1].content)}")

    install(monkeypatch, Puppet(judged))
    widths = []
    for group in (None, "both"):
        rows = {
            f"r{n}": example(f"r{n}", "even" if n % 2 else "odd", "GOLD",
                             group=group and f"{n % 2}")
            for n in range(40)
        }  # fmt: skip
        replies = {"untrained": {id_: [f"reply {id_}"] for id_ in rows}}
        _, metrics = rate(replies, rows, HHH, teacher(), store=store(tmp_path))
        widths.append(metrics["untrained"]["rating_high"] - metrics["untrained"]["rating_low"])
    assert widths[0] < 2 < widths[1]


def test_whose_replies_are_rated():
    predictions = [{"id": "a", "prediction": '["x","y"]'}, {"id": "b", "prediction": '[""]'}]
    assert replies_of_student(predictions, EXAMPLES) == {"a": ["x", "y"], "b": [""]}
    with pytest.raises(StillhouseError, match="is no list of replies"):
        replies_of_student([{"id": "a", "prediction": "x"}], EXAMPLES)

    def parsed(id_, label, sample=0):
        return {"id": id_, "sample": sample, "label": label}

    rows = [parsed("a", '["x","y"]'), parsed("b", None), parsed("t", '["z"]')]
    assert replies_of_teacher(rows, EXAMPLES) == {"teacher": {"a": ["x", "y"]}}
    assert replies_of_teacher(rows[1:], EXAMPLES) == {}
