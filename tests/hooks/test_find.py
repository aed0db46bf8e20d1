"""What the configuration names is looked up before anything runs, and nothing is run for it."""

import ast

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.hooks.find import find
from stillhouse.hooks.hook import KEEP, OPEN, ROWS, SCORE
from stillhouse.hooks.reference import parse_reference

MODULE = (
    "import nowhere\n\n\ndef load(split):\n    yield {}\n\n\ndef clean(text):\n    return text\n"
)


def said(text, hook=ROWS):
    with pytest.raises(StillhouseError) as error:
        find(text, hook)
    return str(error.value)


def test_a_function_is_found_without_running_its_module(project):
    project.write("own.reviews", MODULE)
    found = find("python:own.reviews:load", ROWS)
    assert (found.file.as_posix(), found.line, found.parameters) == (
        "stages/own/reviews.py", 4, ("split",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("python:own.reviws:load", "no module 'own.reviws' (stages/own/reviws.py). Did you mean"),
        ("python:own.reviews:lod", "stages/own/reviews.py has no `def lod` at its top level. Did"),
        ("python:own.reviews:clean", "stages/own/reviews.py:8: a dataset is called with split, so"),
        ("python:parse:load", "stages/parse.py is the script of a stage"),
        ("python:numpy:load", "stages/numpy.py cannot be told from the module 'numpy' that is in"),
        ("python:json:load", "stages/json.py cannot be told from the module 'json' that is in"),
        ("python:broken:load", "stages/broken.py:1 cannot be read as Python"),
    ],
)
def test_what_is_not_there_or_does_not_fit_is_one_sentence(project, text, words):
    project.write("own.reviews", MODULE)
    for name in ("numpy", "json"):
        project.write(name, MODULE)
    project.write("broken", "def load(\n")
    assert words in said(text)


@pytest.mark.parametrize(
    "text", ["python:own", "python:own.load", "python::load", "python:own/x:load", "python:1:a"]
)
def test_another_form_says_how_it_is_written(text):
    with pytest.raises(ValueError, match="is written `python:module:function`"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("hook", "function", "fits"),
    [
        (ROWS, "def f(split): ...", True),
        (ROWS, "def f(split, size=3): ...", True),
        (ROWS, "def f(split, size): ...", False),
        (ROWS, "def f(*, split): ...", True),
        (ROWS, "def f(split, /): ...", False),
        (ROWS, "def f(name): ...", False),
        (SCORE, "def f(prediction, label): ...", True),
        (SCORE, "def f(label, choices, prediction): ...", True),
        (SCORE, "def f(prediction): ...", False),
        (KEEP, "def f(row, *, least): ...", False),
        (KEEP, "def f(row, *, least=1, **more): ...", True),
        (OPEN, "def f(conf): ...", True),
    ],
)
def test_a_hook_is_known_by_its_parameters(hook, function, fits):
    (defined,) = ast.parse(function).body
    assert hook.fits(defined) == fits
