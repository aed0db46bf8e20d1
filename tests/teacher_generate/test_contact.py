"""A server that is missing, none, starting, in trouble or gone: what is said of it, and when."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import Message
from stillhouse.store.store import Store
from stillhouse.teacher_generate.backends import openai as backend
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.openai_api import contact as module
from stillhouse.teacher_generate.openai_api.contact import Contact
from stillhouse.teacher_generate.protocol import Request, UnbilledError
from tests.teacher_generate.helpers import client, prompts

ADVICE = "Do this."


@pytest.fixture
def said():
    return []


@pytest.fixture
def contact(said):
    return Contact("http://x/v1", 600.0, str.upper, said.append)


def lose(contact, now, wait=1.0, *, charged=False):
    contact.lose("refused", ADVICE, now, wait, charged=charged)


def test_what_is_not_there_is_said_at_once_and_given_up_soon(contact, said):
    contact.begin(100.0)
    lose(contact, 100.1)
    lose(contact, 114.0)
    assert said == ["waiting for http://x/v1 (REFUSED), up to 15 s in case it is starting"]
    with pytest.raises(UnbilledError, match=r"http://x/v1 cannot be reached: REFUSED. Do this."):
        lose(contact, 115.0)


def test_a_server_that_was_only_starting_is_told_of(contact, said):
    contact.begin(0.0)
    lose(contact, 0.0)
    contact.complete(11.0)
    assert said[1:] == ["http://x/v1 is there"]
    contact.complete(12.0)
    assert len(said) == 2


def test_what_may_have_been_sent_may_have_been_billed(contact):
    contact.begin(0.0)
    lose(contact, 0.0, charged=True)
    with pytest.raises(StillhouseError) as error:
        lose(contact, 20.0)
    assert not isinstance(error.value, UnbilledError)


def test_a_server_that_goes_away_is_waited_for_long_and_said_to_be_back(contact, said):
    contact.begin(0.0)
    contact.complete(1.0)
    lose(contact, 2.0)
    lose(contact, 30.0)
    lose(contact, 63.0)
    assert [line.partition(":")[0] for line in said] == ["http"] * 2  # once a minute
    assert "http://x/v1 is gone (REFUSED): waiting for it, up to 600 s." in said[0]
    contact.complete(90.0)
    assert said[-1] == "http://x/v1 is back after 88 s"
    lose(contact, 100.0)
    with pytest.raises(StillhouseError, match="has been gone for 601 s"):
        lose(contact, 701.0)


def test_trouble_before_the_first_completion_is_said_after_a_while(contact, said):
    contact.begin(0.0)
    contact.trouble("HTTP 503: Loading model", 4.0)
    assert said == []
    contact.trouble("HTTP 503: Loading model", 6.0)
    contact.trouble("HTTP 503: Loading model", 20.0)
    assert len(said) == 1
    assert "has completed nothing for 6 s (HTTP 503: LOADING MODEL)" in said[0]
    contact.complete(30.0)
    contact.trouble("HTTP 429", 40.0)  # as it happens: the rows say so if they fail
    assert said[1:] == ["http://x/v1 is there"]


def test_silence_is_looked_into_unless_anything_was_heard(contact):
    contact.begin(0.0)
    assert not contact.is_silent(9.0)
    assert contact.is_silent(10.0)
    lose(contact, 10.0)
    assert not contact.is_silent(11.0)  # it is said to be missing
    contact.hear()
    assert not contact.is_silent(20.0)


@contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """The address of something that listens and does `answer` with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                held.append(connection)
                answer(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


Respond = Callable[[str], tuple[int, bytes]]


class Web(ThreadingHTTPServer):
    """A server on loopback whose response to a path is `respond`'s; until it is up it refuses."""

    daemon_threads = True

    def __init__(self, respond: Respond) -> None:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = respond(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server_bind()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: object) -> None: ...  # clients that have gone

    def start(self) -> None:
        self.server_activate()
        threading.Thread(target=self.serve_forever, daemon=True).start()


@contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """The address of such a server."""
    with Web(respond) as server:
        server.start()
        yield server.url
        server.shutdown()


def fails(url, tmp_path, **compute):
    conf = client(url, compute=compute)
    with pytest.raises(StillhouseError) as error:
        generate(prompts(range(3)), conf, Store(tmp_path / "store"))
    return str(error.value)


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.2)


def test_a_port_where_nobody_listens(tmp_path, soon, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        said = fails(url, tmp_path, retries=0, deadline_s=10**6)
    assert f"The server at {url} cannot be reached: no connection: connection refused." in said
    assert "Start it, or correct compute.base_url." in said
    assert "may have been billed" not in said
    assert f"waiting for {url} (no connection: connection refused)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer", [lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"), socket.socket.close]
)
def test_what_is_no_server_of_the_web(tmp_path, soon, answer):
    with listening(answer) as url:
        said = fails(url, tmp_path)
    assert "cannot be reached" in said
    assert "it wants https:// instead of http://: correct compute.base_url" in said


def test_https_where_http_is_spoken(tmp_path, soon):
    with serving(lambda _: (200, b"{}")) as url:
        said = fails(url.replace("http:", "https:"), tmp_path)
    assert "no connection: tls: " in said
    assert "it wants http:// instead of https://" in said


def test_a_page_of_a_login_instead_of_completions(tmp_path, soon):
    with serving(lambda _: (200, b"<html><title>Please log in</title></html>")) as url:
        said = fails(url, tmp_path)
    assert "cannot be reached: HTML instead of a response: Please log in." in said
    assert "What answers there is no OpenAI-compatible server" in said


MODELS = json.dumps({"data": [{"id": "qwen-7b"}, {"id": "mistral-7b"}]}).encode()


def test_a_model_that_the_server_does_not_have(tmp_path):
    def respond(path):
        return (200, MODELS) if path == "/v1/models" else (404, b'{"error": "no model m."}')

    with serving(respond) as url:
        said = fails(url, tmp_path)
    assert "HTTP 404: no model m. Set model.name to one that it has. Known: mistral-7b," in said
    assert "may have been billed" not in said


def test_an_address_without_its_v1(tmp_path):
    def respond(path):
        return (200, MODELS) if path == "/v1/models" else (404, b"Not Found")

    with serving(respond) as url:
        said = fails(url.removesuffix("/v1"), tmp_path)
    assert f"A server answers at {url}: set compute.base_url to that." in said


def test_a_server_of_many_models_names_the_near_ones(tmp_path):
    many = json.dumps({"data": [{"id": f"model-{n}"} for n in range(40)] + [{"id": "mm"}]})

    def respond(path):
        return (200, many.encode()) if path == "/v1/models" else (404, b"")

    with serving(respond) as url:
        said = fails(url, tmp_path)
    assert "It has 41 models. Did you mean 'mm'? Set model.name." in said


def test_a_server_that_takes_requests_and_says_nothing(tmp_path, monkeypatch, capsys):
    for name in ("SILENT_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(module, name, 0.2)
    with listening(lambda _: None) as url:
        fails(url, tmp_path, timeout_s=2.0, retries=0)
    assert f"warning: {url} has said nothing for" in capsys.readouterr().err


def test_a_slow_server_that_is_alive_is_no_silent_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.1)
    done = threading.Event()

    def respond(path):
        if path != "/v1/models":
            done.wait(1.0)
            return 200, COMPLETION
        return 404, b""

    with serving(respond) as url:
        generate(prompts(range(3)), client(url), Store(tmp_path / "store"))
    assert "has said nothing" not in capsys.readouterr().err


COMPLETION = b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}'


def test_a_restart_is_waited_for_however_few_retries_there_are(capsys):
    """Connections that are refused say nothing of a row: its retries are for other things."""
    with Web(lambda _: (200, COMPLETION)) as server:
        teacher = backend.open_teacher(client(server.url, compute={"retries": 0}))
        teacher._contact.completed = teacher._contact.heard = True  # as in the midst of a run
        found = teacher.generate([Request("a", 0, (Message("user", "x"),))])
        while "is gone" not in (err := capsys.readouterr().err):
            assert next(found) == []
        server.start()
        outcomes = [outcome for taken in found for outcome in taken]
        teacher.close()
        server.shutdown()
    assert f"{server.url} is gone (no connection: connection refused)" in err
    assert [outcome.result.text for outcome in outcomes] == ["x"]
    assert outcomes[0].retries >= 1
    assert f"{server.url} is back after" in capsys.readouterr().err


def test_a_server_that_is_starting_is_waited_for(tmp_path, capsys):
    with Web(lambda _: (200, COMPLETION)) as server:
        threading.Timer(0.5, server.start).start()
        generate(prompts(range(3)), client(server.url), Store(tmp_path / "store"))
        server.shutdown()
    err = capsys.readouterr().err
    assert f"waiting for {server.url}" in err
    assert f"{server.url} is there" in err
