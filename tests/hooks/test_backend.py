"""A teacher of a project's own: asked, stored, and what goes wrong in it."""

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.sampling import share_size
from stillhouse.hooks.hook import OPEN
from stillhouse.hooks.load import load, users_code
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from tests.teacher_generate.helpers import prompts, rows, teacher

MODULE = """
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.protocol import Failure, Outcome


class Teacher:
    closed = 0

    def __init__(self, word):
        self.word = word

    def prompt_tokens(self, requests):
        return [len(request.messages) for request in requests]

    def generate(self, requests):
        for request in requests:
            yield [Outcome(request, Completion(f"{self.word} {request.id}", "stop", 2, 3))]

    def close(self):
        Teacher.closed += 1


def open_teacher(conf):
    return Teacher(conf.compute.options["word"])
"""


def conf(**compute):
    own = {"backend": "python:own.llm:open_teacher", "options": {"word": "said"}}
    model = {"name": "mine", "source": "api://mine/1"}
    return teacher(model=model, compute=own | compute)


def test_it_is_asked_once_and_its_completions_are_stored(project, tmp_path):
    project.write("own.llm", MODULE)
    store = Store(tmp_path / "store")
    found = generate(prompts({"a": "x", "b": "y"}), conf(), store).completions
    assert rows(found) == {("a", 0): ("said a", "stop"), ("b", 0): ("said b", "stop")}
    project.write("own.llm", "raise ValueError\n")  # nobody opens it again
    assert generate(prompts({"a": "x", "b": "y"}), conf(), store).completions.equals(found)


def test_the_key_of_a_completion_does_not_depend_on_who_was_asked(project, tmp_path):
    """As for every backend: the model is what the entry says."""
    project.write("own.llm", MODULE)
    store = Store(tmp_path / "store")
    found = generate(prompts({"a": "x"}), conf(), store).completions
    other = {"backend": "openai", "base_url": "http://127.0.0.1:9/v1"}
    served = teacher(model={"name": "mine", "source": "api://mine/1"}, compute=other)
    assert generate(prompts({"a": "x"}), served, store).completions.equals(found)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'yield [Outcome(request, Completion(f"{self.word} {request.id}", "stop", 2, 3))]',
            "raise ConnectionError(request.id)",
            "failed when generating: stages/own/llm.py:17 in generate: ConnectionError: a",
        ),
        (
            'yield [Outcome(request, Completion(f"{self.word} {request.id}", "stop", 2, 3))]',
            "yield request",
            "it has to yield lists of Outcome",
        ),
        ('options["word"]', 'options["wrd"]', "in open_teacher: KeyError: 'wrd'"),
        ("    def close", "    def shut", "returned a Teacher without close; stages/own/llm.py:"),
        ("[len(request.messages) for request in requests]", "[1, 2, 3]", "prompt_tokens gave no"),
    ],
)
def test_what_goes_wrong_in_it_names_its_line(project, tmp_path, old, new, words):
    assert old in MODULE
    project.write("own.llm", MODULE.replace(old, new))
    with pytest.raises(StillhouseError) as error:
        generate(prompts({"a": "x"}), conf(), Store(tmp_path / "store"))
    assert words in str(error.value)


def test_what_was_completed_before_it_failed_is_kept(project, tmp_path):
    project.write(
        "own.llm",
        MODULE.replace(
            "        for request in requests:\n",
            "        for request in requests:\n"
            '            if request.id == "b":\n                raise OSError("gone")\n',
        ),
    )
    store = Store(tmp_path / "store")
    with pytest.raises(StillhouseError, match="1 of 2 completions are in the store"):
        generate(prompts({"a": "x", "b": "y"}), conf(), store)


def test_a_fault_of_ours_while_it_pulls_requests_is_not_blamed_on_it(project):
    """Our frames behind the user's: what went wrong is not theirs."""
    project.write("mine", "def open_it(conf):\n    return conf()\n")
    function = load("compute.backend", "python:mine:open_it", OPEN)
    with pytest.raises(TypeError), users_code("said"):
        function(conf=lambda: share_size("two", 0.5))
