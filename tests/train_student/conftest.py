"""The tiny students of tests/students."""

from tests.students.conftest import local_models, make_conf

__all__ = ["local_models", "make_conf"]
