"""One loopback server for all tests of this folder, told anew how to behave by each."""

from collections.abc import Iterator

import pytest

from tests.teacher_generate.loopback import Server, serve


@pytest.fixture(scope="session")
def _running() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def server(_running: Server) -> Server:
    _running.set()
    return _running
