"""The tiny students of tests/students."""

from tests.students.conftest import local_checkpoints, make_conf

__all__ = ["local_checkpoints", "make_conf"]
