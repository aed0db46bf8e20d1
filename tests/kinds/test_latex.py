import json
import time

import pytest

from stillhouse.kinds import latex
from stillhouse.kinds.registry import kind_of

LATEX = kind_of("latex")

pytestmark = pytest.mark.slow  # the process that reckons takes a second or two to start

LABELS = r"""
\frac{9}{7}
2k+2
p - q
4x^2-3
2516_8
3, 5, 7
\$32,\!348
5.4 \text{ cents}
6r^2-4r-24
\text{odd}
(5,\infty)
\text{June 20}
y = 2x + 3
1,-2
120^\circ
.0000672
31.25\%
\text{no solution}
\text{Yes}
\text{No}
10\text{ inches}
\text{(A)}
\text{A, B, C}
\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}
\begin{pmatrix} 1/5 \\ -2/5 \end{pmatrix}
\left( \frac{1}{2}, \frac{3}{2} \right)
(-\infty,-1)\cup(1,\infty)
x \in (-\infty,3]
1 \pm \sqrt{19}
\frac{-1 \pm \sqrt{5}}{2}
e^{i \pi/4}
\sqrt[3]{2}
f(x) = x^2
\ln 2
\log_2 3
2\cos x
3+2\sqrt{2}
(x-5)(x+5)
\frac{x+2}{7}
[0,1]
\emptyset
\mathbb{R}
(0,3) \text{ and } (2,1)
15\mbox{ cm}^2
\text{Navin}
E
1\frac{4}{5}
14 \times 10^{-5}
-\frac{\sqrt{3}}{2}
\tan x
\text{ellipse}
-x^6 + 3x
\frac{243}{625}
AB
\triangle ABC
x=3
m\angle A
7 \frac{1}{2}
\dbinom{10}{3}
0.\overline{3}
0.\overline{63}
\pi r^2
45^{\circ}
\{1\pm\sqrt{5},-2\}
\text{Evelyn}
10\sqrt{5}\text{ units}
\$1.50
\frac43
16\pi\text{ square units}
(6,31,-1)
80 \text{ degrees}
5x+7y+2=0
n=2
\text{Monday}
2220_5
4 \text{ and } 5
\{ -2, 5 \}
3R^2
1:2
4:7
\text{even}
\left[-\frac12,\frac12\right]
-1,0,1
9901
8!
\binom{10}{5}
12\text{ cm}
\text{neither}
a^2+b^2
a+b+c
abc
xyz
2abc
r=\frac{1}{2}
x^2+y^2=1
y=\frac12x+1
"""  # as sets of competition mathematics have them


@pytest.mark.parametrize("label", LABELS.strip().split("\n"))
def test_a_boxed_label_is_read_as_itself(label):
    reading = LATEX.read(rf"$\boxed{{{label}}}$.")
    assert reading is not None
    assert LATEX.score(reading.label, label) == 1


@pytest.mark.parametrize(
    ("statement", "label"),
    [
        ("$5$ apples", "5"),
        (r"\boxed{5} dollars", "5"),
        (r"5\sqrt{2} units", r"5\sqrt{2}"),
        ("$5$!", "5"),
        ("$18.90", "18.90"),
        ("approximately $5$", "5"),
        ("three", "3"),
        ("minus 5", "-5"),
        ("5 because 3 + 2 = 5", "5"),
        ("**$5$**", "5"),
        ("$x=2$ or $x=-2$", "x=2, x=-2"),
        ("$3$ and $4$", "3, 4"),
        ("3 and 4", "3, 4"),
        ("undefined", r"\text{undefined}"),
        ("no solution", r"\text{no solution}"),
        ("2 sin x", r"2 \sin x"),
        ("√2", r"\sqrt{2}"),
        ("x²", "x^{2}"),
        ("∞", r"\infty"),
    ],
)
def test_words_that_leave_a_formula_as_it_is(statement, label):
    assert LATEX.read(statement).label == label


@pytest.mark.parametrize(
    "statement",
    [
        "not 5", r"not \boxed{5}", "I do not know", "either 5 or 6", "5 or 6", "$5$ or $6$",
        r"\boxed{5 \text{ or } 6}", "$5$ and maybe $6$", "5, wait 6", "between 3 and 4",
        "less than $5$", "$5$ or more", "$5$ squared", "twice $5$", "the square root of 2",
        "maybe 5", "(a) $5$", "5!", "$2$ hours and $30$ minutes", "the answer", "neither",
        r"\text{not possible}", r"$\frac{1}{2}$ or $0.5$", "$5$ or so",
    ],
)  # fmt: skip
def test_words_that_may_turn_a_formula_leave_it_unread(statement):
    """Letters side by side are a product to mathematics: `not 5` has a value there."""
    assert LATEX.read(statement) is None


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
        (r"0.1\overline{6}", "1/6"),
        (r"\frac{-1 \pm \sqrt{5}}{2}", r"\frac{-1 - \sqrt{5}}{2}, \frac{-1 + \sqrt{5}}{2}"),
        ("11_2", "11"),
        ("2π", r"2\pi"),
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
        ("11_2", "11_3"),
        ("not 5", "5"),
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


def test_numbers_of_real_queries_have_values(shared_data):
    lines = (shared_data / "aqua_rat/test.jsonl").read_text("utf-8").splitlines()[:40]
    options = [json.loads(line)["options"][0].split(")", 1)[1].strip() for line in lines]
    plain = [text for text in options if text.replace(".", "").replace("-", "").isdigit()]
    assert len(plain) > 5
    for text in plain:
        assert LATEX.score(f"\\boxed{{{text}}}", text) == 1
