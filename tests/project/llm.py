"""A small chat model on loopback that reads reviews, counts what it is asked, and errs at times."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.project.tables import WORDS

MODEL = "reader-1"
EVERY = 10
"""Of so many replies one is wrong, and one says nothing that could be read."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = body["messages"][-1]["content"]
        self.server.asked.append(asked)
        message = {"role": "assistant", "content": reply(asked.rpartition("Case for you:")[2])}
        self._send(
            {
                "model": MODEL,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": len(asked) // 4, "completion_tokens": 12},
            }
        )

    def _send(self, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def reply(text: str) -> str:
    """A rationale and a label, by the words of the text."""
    found = [
        rating
        for rating, forms in WORDS.items()
        for form in forms
        if all(part.strip(" ,;") in text for part in form.split("{}"))
    ]
    number = sum(map(ord, text)) % EVERY
    if number == 0 or not found:
        return "I would rather not say."
    rating = "mixed" if number == 1 else found[-1]
    return f"The words of the review tell it.\nThe answer is {rating}"


@contextmanager
def serve() -> Iterator[ThreadingHTTPServer]:
    """Run it for the length of the block; `.asked` holds what it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
