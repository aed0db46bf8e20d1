"""The loopback server of tests/teacher_generate."""

from tests.teacher_generate.conftest import _running, server

__all__ = ["_running", "server"]
