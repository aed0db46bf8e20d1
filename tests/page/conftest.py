"""One browser for all tests of the page; without one they are skipped."""

import pytest

from tests.page.browser import EXECUTABLE, NAMES, Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if EXECUTABLE is None:
        pytest.skip(f"there is no browser: none of {', '.join(NAMES)} is on the path")
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened
