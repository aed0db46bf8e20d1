import json
import time

import pytest

from stillhouse.kinds import latex
from stillhouse.kinds.registry import kind_of

LATEX = kind_of("latex")

pytestmark = pytest.mark.slow  # the process that reckons takes a second or two to start


@pytest.mark.parametrize(
    ("said", "gold"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\dfrac12", r"\frac{1}{2}"),
        ("1/2", r"\frac{1}{2}"),
        (r"$\boxed{\frac{3}{4}}$", "0.75"),
        (r"2\sqrt{3}", r"\sqrt{12}"),
        ("42", "42.0"),
        (r"\(x^2 + 2x + 1\)", "(x+1)^2"),
        (r"\{3, 1, 2\}", r"\{1,2,3\}"),
        ("(1, 2)", "(1,2)"),
        (r"[0, \infty)", r"[0,\infty)"),
        (r"\frac{\pi}{4}", r"\pi/4"),
        ("x = 5", "5"),
        (r"\left(3, \frac{\pi}{2}\right)", r"(3, \pi/2)"),
        (r"10\%", "10"),
    ],
)
def test_the_same_value(said, gold):
    assert LATEX.score(said, gold) == 1


@pytest.mark.parametrize(
    ("said", "gold"),
    [
        (r"\frac{1}{3}", "0.5"),
        (r"\sqrt{2}", "2"),
        ("(1, 2)", "(2, 1)"),
        ("[0, 1]", "(0, 1)"),
        (r"\{1, 2\}", r"\{1, 2, 3\}"),
        ("-3", "3"),
        ("", "5"),
        (r"\frac{1}{", "5"),
        (r"\boxed{5} or \boxed{6}", "5"),
    ],
)
def test_another_value_or_none(said, gold):
    assert LATEX.score(said, gold) == 0


def test_a_text_without_a_value_has_no_canonical_form():
    for text in ("", "   ", "$$", "x" * 1000, "a\nb", "1/0"):
        assert LATEX.canonical(text) is None
        assert LATEX.read(text) is None
    assert LATEX.read(r"$\frac{1}{2}$.").label == r"\frac{1}{2}"


def test_a_formula_that_hangs_has_no_value_and_the_next_one_has(monkeypatch):
    monkeypatch.setattr(latex, "SECONDS", 1.0)
    started = time.monotonic()
    LATEX.score("9^{9^{9^{9^{9}}}}", "8^{8^{8^{8^{8}}}}")
    assert time.monotonic() - started < 60  # it would take for ever
    assert LATEX.score("0.25", r"\frac14") == 1


def test_what_is_code_is_not_run(tmp_path):
    mark = tmp_path / "mark"
    for text in (f"__import__('pathlib').Path({str(mark)!r}).touch()", f"open({str(mark)!r}, 'w')"):
        LATEX.canonical(text)
        LATEX.score(text, "5")
    assert not mark.exists()


def test_numbers_of_real_questions_have_values(shared_data):
    lines = (shared_data / "aqua_rat/test.jsonl").read_text("utf-8").splitlines()[:40]
    options = [json.loads(line)["options"][0].split(")", 1)[1].strip() for line in lines]
    plain = [text for text in options if text.replace(".", "").replace("-", "").isdigit()]
    assert len(plain) > 5
    for text in plain:
        assert LATEX.score(f"\\boxed{{{text}}}", text) == 1
