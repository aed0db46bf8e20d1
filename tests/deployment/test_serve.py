"""A student over HTTP: the answers of the command, errors as JSON, an end that loses nothing."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from stillhouse.core.errors import StillhouseError
from stillhouse.deployment.asker import Answer, Asker
from stillhouse.deployment.batches import Batches
from stillhouse.deployment.serve import Options, make_app, run
from tests.conftest import REPOSITORY
from tests.deployment.conftest import CPU, DECODING, TWO, serve_with

TEXTS = ["how many apples?", "sehr schön 😀", "zwei\nZeilen"]
USER = [{"role": "user", "content": TEXTS[0]}]


@pytest.fixture
def asker(elsewhere):
    serve_with(elsewhere, decoding=DECODING.model_copy(update={"decode": "choices"}))
    return Asker(elsewhere, CPU)


def served(asker, talk, **options):
    """What `talk(client)` gives, with a server around it."""

    async def run_it():
        async with TestClient(TestServer(make_app(asker, Options(**options)))) as client:
            return await talk(client)

    return asyncio.run(run_it())


def post(asker, path, body, **options):
    """The status and the JSON of one request."""

    async def talk(client):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with client.post(path, data=data) as response:
            return response.status, await response.json()

    return served(asker, talk, **options)


def of_command(asker, *texts, rationale=False):
    answers = asker.answers([asker.of_text(text) for text in texts], rationale=rationale)
    return [{"prediction": each.prediction, "score": each.score} for each in answers]


def test_predict_takes_a_text_or_columns_one_or_several(asker):
    wanted = of_command(asker, *TEXTS)
    assert post(asker, "/predict", {"inputs": TEXTS[0]}) == (200, wanted[0])
    assert post(asker, "/predict", {"inputs": {"text": TEXTS[1], "id": 3}}) == (200, wanted[1])
    mixed = [TEXTS[0], {"text": TEXTS[1]}, TEXTS[2]]
    assert post(asker, "/predict", {"inputs": mixed}) == (200, {"predictions": wanted})
    assert post(asker, "/predict", {"inputs": []}) == (200, {"predictions": []})


def test_a_rationale_comes_where_it_is_asked_for(asker):
    status, found = post(asker, "/predict", {"inputs": TEXTS[0], "rationale": True})
    (answer,) = asker.answers([asker.of_text(TEXTS[0])], rationale=True)
    assert (status, found["rationale"]) == (200, answer.rationale)


def test_of_a_list_a_row_that_cannot_be_asked_has_no_prediction(asker):
    status, found = post(asker, "/predict", {"inputs": ["", {"txt": 1}, "x " * 1000]})
    assert status == 200
    empty, missing, long = found["predictions"]
    assert empty == {"prediction": None, "score": None, "problem": "empty `text`"}
    assert missing["problem"].startswith("no column `text`. Did you mean 'txt'")
    assert long["prediction"]
    assert long["truncated"]


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/predict", b"nope", 400, "is not well-formed JSON"),
        ("/predict", b"\xff\xfe", 400, "is not UTF-8"),
        ("/predict", [], 400, "should be a JSON object, found list"),
        ("/predict", {}, 400, "has no `inputs`"),
        ("/predict", {"input": "a"}, 400, "There is no 'input'. Did you mean 'inputs'"),
        ("/predict", {"inputs": 3}, 400, "`inputs` is int"),
        ("/predict", {"inputs": [3]}, 400, "`inputs` 1 is int"),
        ("/predict", {"inputs": " "}, 422, "empty `text`"),
        ("/predict", {"inputs": "a", "rationale": "yes"}, 400, "`rationale` is 'yes'"),
        ("/predict", {"inputs": "a" * 3000}, 413, "larger than 2,000 bytes"),
        ("/nowhere", {}, 404, "There is no /nowhere here; there are POST /predict"),
        ("/health", {}, 405, "/health does not take POST"),
        ("/v1/chat/completions", {"messages": USER}, 404, "There is no model None"),
        ("/v1/chat/completions", {"model": "gpt", "messages": USER}, 404, "this one is 'student'"),
        ("/v1/chat/completions", {"model": "student"}, 400, "`messages` should end with one"),
        (
            "/v1/chat/completions",
            {"model": "student", "messages": [{"role": "assistant", "content": "a"}]},
            400,
            "`messages` should end with one of the role `user`",
        ),
        (
            "/v1/chat/completions",
            {"model": "student", "messages": [{"role": "user", "content": [{"image_url": 1}]}]},
            400,
            "something else than text",
        ),
        ("/v1/chat/completions", {"model": "student", "messages": USER, "n": 2}, 400, "`n` is 2"),
        (
            "/v1/chat/completions",
            {"model": "student", "messages": USER, "tools": [{}]},
            400,
            "`tools` is not for this model",
        ),
        (
            "/v1/chat/completions",
            {"model": "student", "messages": USER, "response_format": {"type": "json_object"}},
            400,
            "`response_format` is not",
        ),
    ],
)
def test_what_is_wrong_is_said_as_json(asker, path, body, status, says):
    found, error = post(asker, path, body, max_bytes=2000)
    assert found == status
    assert says in error["error"]["message"]
    assert error["error"]["code"] == status
    assert error["error"]["type"] == "invalid_request_error"


def test_a_student_that_fails_is_an_error_and_the_server_goes_on(asker, capsys):
    async def talk(client):
        async with client.post("/predict", json={"inputs": "a"}) as response:
            first = response.status, await response.json()
        async with client.get("/health") as response:
            return first, await response.json()

    asker.__dict__["student"] = None  # as if it had come apart
    (status, error), health = served(asker, talk)
    assert (status, error["error"]["type"]) == (500, "server_error")
    assert health == {"status": "ok", "model": "student"}
    assert "error:" in capsys.readouterr().err


def test_the_chat_of_openai(asker):
    (wanted,) = of_command(asker, TEXTS[0])
    messages = [{"role": "system", "content": "Be kind."}, *USER]
    body = {"model": "mine", "messages": messages, "temperature": 0, "max_tokens": 5}
    status, found = post(asker, "/v1/chat/completions", body, name="mine")
    assert status == 200
    assert found["model"] == "mine"
    assert found["object"] == "chat.completion"
    (choice,) = found["choices"]
    assert choice["message"] == {"role": "assistant", "content": wanted["prediction"]}
    assert choice["finish_reason"] == "stop"
    text = asker.student.text
    prompt = len(text.prompt(asker.of_text(TEXTS[0]).text, "label")[0])
    answer = len(text.target(wanted["prediction"]))
    assert found["usage"] == {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }


def test_a_chat_is_streamed_as_one_piece(asker):
    async def talk(client):
        content = [{"type": "text", "text": TEXTS[0]}]
        body = {
            "model": "student",
            "stream": True,
            "messages": [{"role": "user", "content": content}],
        }
        async with client.post("/v1/chat/completions", json=body) as response:
            assert response.content_type == "text/event-stream"
            return (await response.text()).split("\n\n")

    *events, done, end = served(asker, talk)
    assert (done, end) == ("data: [DONE]", "")
    choices = [json.loads(event.removeprefix("data: "))["choices"][0] for event in events]
    (wanted,) = of_command(asker, TEXTS[0])
    assert "".join(c["delta"].get("content", "") for c in choices) == wanted["prediction"]
    assert [c["finish_reason"] for c in choices] == [None, "stop"]


def test_a_chat_with_a_student_of_several_columns_has_the_query_as_it_is_written(asker):
    serve_with(asker.folder, TWO)
    several = Asker(asker.folder, CPU)
    body = {"model": "student", "messages": [{"role": "user", "content": "a: b"}]}
    status, found = post(several, "/v1/chat/completions", body)
    (answer,) = several.answers([several.as_written("a: b")])
    assert (status, found["choices"][0]["message"]["content"]) == (200, answer.prediction)
    status, error = post(several, "/predict", {"inputs": "a: b"})
    assert status == 400
    assert "made of 3 columns" in error["error"]["message"]


def test_models_and_health(asker):
    async def talk(client):
        return [await (await client.get(path)).json() for path in ("/v1/models", "/health")]

    models, health = served(asker, talk, name="mine")
    assert [model["id"] for model in models["data"]] == ["mine"]
    assert health == {"status": "ok", "model": "mine"}


def test_requests_that_come_together_are_answered_together(asker):
    sizes = []
    plain = asker.answers

    def counted(queries, *, rationale=False):
        sizes.append(len(queries))
        return plain(queries, rationale=rationale)

    asker.answers = counted
    texts = [f"{text} {n}" for n in range(7) for text in TEXTS]

    async def talk(client):
        async def ask(text):
            async with client.post("/predict", json={"inputs": text}) as response:
                return await response.json()

        return await asyncio.gather(*map(ask, texts))

    found = served(asker, talk, batch_size=8, wait_s=0.5)
    del asker.answers
    assert found == of_command(asker, *texts)
    assert sum(sizes) == len(texts)
    assert max(sizes) == 8


def test_a_batch_that_fails_is_heard_by_all_and_the_next_one_is_answered():
    def answers(queries, kind):
        if "bad" in queries:
            raise ValueError("no")
        return [query.upper() for query in queries]

    async def ask():
        batches = Batches(answers, size=4, wait_s=0.01)
        batches.start()
        failed = await asyncio.gather(
            batches.ask(["a", "bad"], False), batches.ask(["b"], False), return_exceptions=True
        )
        found = await batches.ask(["a", "b", "c", "d", "e"], True)
        await batches.stop()
        return failed, found

    failed, found = asyncio.run(ask())
    assert [type(each) for each in failed] == [ValueError, ValueError]
    assert found == ["A", "B", "C", "D", "E"]


def test_who_hangs_up_holds_nobody_else_up():
    begun, go_on = threading.Event(), threading.Event()
    asked = []

    def answers(queries, kind):
        asked.append(list(queries))
        begun.set()
        go_on.wait(60)
        return [Answer(prediction=query) for query in queries]

    async def ask():
        batches = Batches(answers, size=1, wait_s=0)
        batches.start()
        first = asyncio.create_task(batches.ask(["first"], False))
        await asyncio.to_thread(begun.wait, 60)
        gone = asyncio.create_task(batches.ask(["gone"], False))
        last = asyncio.create_task(batches.ask(["last"], False))
        await asyncio.sleep(0)
        gone.cancel()
        go_on.set()
        found = await first + await last
        await batches.stop()
        return found

    assert [each.prediction for each in asyncio.run(ask())] == ["first", "last"]
    assert asked == [["first"], ["last"]]


def test_a_port_that_is_taken_is_a_mistake(asker):
    async def talk(client):
        with pytest.raises(StillhouseError, match=r"Cannot listen at 127\.0\.0\.1:.* --port"):
            await asyncio.to_thread(run, asker, Options(port=client.port))

    served(asker, talk)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_what_has_begun(asker, number):
    """A request that the student is at when the signal comes is answered."""
    code = (
        "import time; from stillhouse.deployment import asker; plain = asker.Asker.answers\n"
        "def slow(self, queries, **rest):\n"
        "    print('asked', flush=True); time.sleep(1); return plain(self, queries, **rest)\n"
        "asker.Asker.answers = slow\n"
        "from stillhouse.cli import main; main()"
    )
    arguments = ["serve", "--student", "copy", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        said = iter(server.stderr.readline, "")
        address = next(line for line in said if " at http" in line).split(" at ")[1].split(";")[0]

        async def talk():
            async with aiohttp.ClientSession() as session:
                asked = asyncio.create_task(
                    session.post(f"{address}/predict", json={"inputs": TEXTS[0]})
                )
                assert await asyncio.to_thread(server.stdout.readline) == "asked\n"
                server.send_signal(number)
                response = await asked
                return response.status, await response.json()

        found = asyncio.run(talk())
        assert server.wait(60) == 0
    assert found == (200, of_command(asker, TEXTS[0])[0])
