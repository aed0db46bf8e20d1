"""Where the answer stands in a completion: only words that give the label by themselves."""

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.page.place import place_of_answer
from stillhouse.parse.completion import parse_completion
from stillhouse.parse.form import Form


def form(metric, reply="rationale_then_label", task="multiple_choice"):
    answer = Answer(markers=("The answer is", "####"), metric=metric)
    return Form(Reply.model_validate(reply), task, answer)


CHOICES = ("bus depot", "train station")


@pytest.mark.parametrize(
    ("text", "metric", "choices", "marked"),
    [
        ("They wait. The answer is (b) train station.", "choice", CHOICES, "(b) train station"),
        ("The answer is (a). No. The answer is (b).", "choice", CHOICES, "(b)"),
        ("So. The answer is (b).\n\nQ: Why?\nA: The answer is (b).", "choice", CHOICES, "(b)"),
        ("<think>(a)? The answer is (a).</think>So. The answer is (b).", "choice", CHOICES, "(b)"),
        ("Two and two. The answer is 4.5 apples.", "number", (), "4.5 apples"),
        ("So we get\n#### 1,200", "number", (), "1,200"),
        (r"So \boxed{\frac12}.", "latex", (), r"\frac12"),
        ('{"rationale": "so", "answer": "train station"}', "choice", CHOICES, "train station"),
    ],
)
def test_the_words_that_were_read(text, metric, choices, marked):
    reply = {"content": "rationale_then_label", "form": "json"} if text[0] == "{" else None
    if metric == "latex":
        reply = {"content": "rationale_then_label", "form": "boxed"}
    of = form(metric, reply or "rationale_then_label", "math" if not choices else "multiple_choice")
    label = parse_completion(text, "stop", of, choices).label
    assert label is not None
    place = place_of_answer(text, label, of, choices)
    assert place is not None
    assert text[slice(*place)] == marked
    assert place[0] == text.index(marked) or "No." in text or "think" in text


@pytest.mark.parametrize("label", [None, "a label that the text never gives"])
def test_nothing_is_marked_that_does_not_give_the_label(label):
    assert place_of_answer("The answer is (b).", label, form("choice"), CHOICES) is None


def test_a_label_that_is_the_whole_text_is_not_marked():
    of = form("summary", "label", "summary")
    assert place_of_answer("A summary.", "A summary.", of) is None


def test_a_completion_that_goes_round_in_circles_costs_nothing():
    assert place_of_answer("The answer is (b). " * 50_000, "train station", form("choice")) is None
