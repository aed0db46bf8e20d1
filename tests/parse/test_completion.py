import inspect
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.parse.completion import Parsed, parse_completion
from stillhouse.parse.form import Form

PLACES = ("bus depot", "train station", "beach", "bridge", "bridge")
NLI = ("entailment", "neutral", "contradiction")
CHOICE = Answer(markers=("So the answer is", "The answer is", "Answer:"), metric="choice")
EQUATION = Answer(markers=("The answer is", "Answer:"), metric="equation")
NUMBER = Answer(markers=("The answer is", "Answer:", "####"), metric="number")
EXACT = Answer(metric="exact")
RUN_ON = "\n\nQ: What else?\nA: Nothing. So the answer is (a) bus depot."


def parse(text, reason, reply, task, answer, choices=()):
    form = Form(Reply.model_validate(reply), task, answer)
    return parse_completion(text, reason, form, choices)


def choose(text, reason="stop", reply="rationale_then_label", choices=PLACES, task="nli"):
    return parse(text, reason, reply, task, CHOICE, choices)


def calculate(text, reason="stop", answer=EQUATION, reply="rationale_then_label"):
    return parse(text, reason, reply, "math", answer)


def free(text, reason="stop", reply="label", task="text"):
    return parse(text, reason, reply, task, EXACT)


def test_rationale_and_label():
    parsed = choose("Bums live there. So the answer is (b) train station.")
    assert parsed == Parsed("Bums live there.", "train station", "ok")


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_the_answer_before_a_run_on_counts_however_the_completion_ended(reason):
    parsed = choose("Bums live there. So the answer is (b) train station." + RUN_ON, reason)
    assert parsed == Parsed("Bums live there.", "train station", "ok")


def test_the_last_marker_holds_the_answer():
    parsed = choose("The answer is (a)? No. It is far. So the answer is (c) beach.")
    assert parsed == Parsed("The answer is (a)? No. It is far.", "beach", "ok")


def test_a_marker_with_nothing_behind_it_gives_way_to_the_one_before():
    parsed = calculate("3 + 4 = 7. Hence the answer is 7. Answer:")
    assert (parsed.label, parsed.rationale) == ("7", "3 + 4 = 7.")


def test_a_marker_needs_its_own_words():
    assert calculate("The answer isn't 5.").status == "no_marker"
    assert calculate("It works. THE  ANSWER\nIS 5.").label == "5"


def test_overlapping_markers_leave_no_words_in_the_rationale():
    assert choose("Sand. So the answer is (c)").rationale == "Sand."
    assert calculate("Rationale: 18 / 6 = 3, hence the answer is Answer: 3").rationale == (
        "18 / 6 = 3"
    )


@pytest.mark.parametrize(
    ("tail", "label"),
    [
        ("(b) train station because bums live there.", "train station"),
        ("(b)\nThat is where they live.", "train station"),
        ("clearly the train station.", "train station"),
        ("(b) trane station.", "train station"),
        ("(d) bridge. (c) is too wet.", "bridge"),
        ("probably one of the bridges.", "bridge"),
    ],
)
def test_a_choice_is_mended(tail, label):
    parsed = choose(f"Why. So the answer is {tail}")
    assert (parsed.label, parsed.status) == (label, "repaired")


@pytest.mark.parametrize(
    "tail",
    [
        "either (b) train station or (d) bridge.",
        "(b) train station or (d) bridge.",
        "(b) bridge.",
        "not (b) train station.",
        "one of these four.",
        "airport.",
    ],
)
def test_no_single_choice_is_ambiguous_and_keeps_its_rationale(tail):
    assert choose(f"Why. So the answer is {tail}") == Parsed("Why.", None, "ambiguous")


@pytest.mark.parametrize("tail", ["not an entailment.", "that it is no entailment", "not entailed"])
def test_a_negated_label_is_never_the_label(tail):
    assert choose(f"Why. So the answer is {tail}", choices=NLI).label is None
    assert choose(tail, reply="label", choices=NLI).label is None


@pytest.mark.parametrize(
    ("tail", "label", "status"),
    [
        ("(84 / 2).", "(84 / 2)", "ok"),
        (": **84 / 2**.", "84 / 2", "ok"),
        ("(16 * 17) * 4.", "(16 * 17) * 4", "ok"),
        ("18 / 6 = 3 groups.", "18 / 6", "repaired"),
        ("x = 14 / 2.", "14 / 2", "repaired"),
        ("(84 / 2", "(84 / 2)", "repaired"),
        ("84 / 2).", "84 / 2", "repaired"),
        ("$5 * 3", "5 * 3", "repaired"),
        ("30 inches.", "30", "repaired"),
        ("7. That is all.", "7", "repaired"),
        ("(some - 8).", None, "ambiguous"),
        ("(7x = 14).", None, "ambiguous"),
        ("77 - 172 = 5.", None, "ambiguous"),
        ("(34 + 40) and (62 - 17).", None, "ambiguous"),
        ("84 *", None, "ambiguous"),
        ("9**9**9", None, "ambiguous"),
    ],
)
def test_equations(tail, label, status):
    parsed = calculate(f"Why. The answer is {tail}")
    assert parsed == Parsed("Why.", label, status)


@pytest.mark.parametrize(
    ("tail", "label", "status"),
    [
        ("42.", "42", "ok"),
        ("$1,080", "1080", "ok"),
        ("1,080 dollars", "1080", "repaired"),
        ("12 - 11 = 1 feet", "1", "repaired"),
        ("84 / 4 * 2", "42", "repaired"),
        ("5 or 6", None, "ambiguous"),
        ("many", None, "ambiguous"),
    ],
)
def test_numbers(tail, label, status):
    parsed = calculate(f"Why. The answer is {tail}", answer=NUMBER)
    assert parsed == Parsed("Why.", label, status)


def test_the_marker_of_gsm8k():
    parsed = calculate("2 + 2 = <<2+2=4>>4\n#### 4", answer=NUMBER)
    assert parsed == Parsed("2 + 2 = <<2+2=4>>4", "4", "ok")


def test_without_a_marker_the_last_line_counts_only_when_it_is_exactly_an_answer():
    assert choose("Bums live there.\n(b) train station") == Parsed(
        "Bums live there.", "train station", "repaired"
    )
    assert calculate("It takes two.\n\n397\n") == Parsed("It takes two.", "397", "repaired")
    assert choose("Bums live at the train station.").status == "no_marker"
    assert calculate("So 84 / 2 = 42 points.").status == "no_marker"
    assert free("Any words.", reply="rationale_then_label", task="classification").status == (
        "no_marker"
    )


def test_a_label_without_its_rationale_is_repaired():
    assert choose("So the answer is (b).") == Parsed(None, "train station", "repaired")
    assert choose("Answer: (b)\nRationale: bums.") == Parsed("bums.", "train station", "repaired")


def test_cut_off_by_the_token_limit():
    assert choose("Bums live there and", "length") == Parsed(None, None, "truncated")
    assert choose("Why. So the answer is", "length") == Parsed("Why.", None, "truncated")
    assert choose("Why. So the answer is (b", "length").status == "truncated"
    assert calculate("Why. The answer is (84 / 2", "length").status == "truncated"
    assert calculate("Why. The answer is 14", "length").status == "truncated"
    assert calculate("Why. The answer is (16 * 17)", "length").status == "truncated"


def test_what_the_token_limit_cannot_have_touched_counts():
    assert choose("Why. So the answer is (b)", "length").label == "train station"
    assert choose("(B)", "length", reply="label").label == "train station"
    assert choose("B", "length", reply="label").status == "truncated"  # or `Bus depot`?
    assert calculate("Why. The answer is 14.", "length").status == "truncated"  # or 14.5?
    assert calculate("Why. The answer is (14).", "length").label == "(14)"
    assert calculate("Why. The answer is 14\nNow", "length").label == "14"
    assert choose("So the answer is either (a) or (c).\nAnd", "length").status == "ambiguous"


@pytest.mark.parametrize("reply", ["rationale_then_label", "label", "rationale"])
@pytest.mark.parametrize("text", ["", " \n ", "\nQ: made up", "  \n\nUser: hello"])
def test_empty(text, reply):
    assert choose(text, reply=reply) == Parsed(None, None, "empty")


def test_nothing_behind_the_only_marker_is_empty():
    assert choose("Why. So the answer is") == Parsed("Why.", None, "empty")


def test_a_label_reply_needs_no_marker():
    assert choose("(b) train station", reply="label") == Parsed(None, "train station", "ok")
    assert choose("Answer: B", reply="label") == Parsed(None, "train station", "ok")
    assert choose("Because. Answer: B", reply="label") == Parsed(None, "train station", "ok")
    assert choose("train station\n\nIt is far.", reply="label").status == "repaired"
    assert choose("bus depot or beach", reply="label").status == "no_marker"
    assert calculate("42", reply="label", answer=NUMBER) == Parsed(None, "42", "ok")


def test_free_text():
    assert free("A summary.\nOf two lines.") == Parsed(None, "A summary.\nOf two lines.", "ok")
    assert free("sports.\nBecause of the ball.", task="classification") == Parsed(
        None, "sports", "repaired"
    )
    assert free("A summary that was cut", "length").status == "truncated"


def test_a_choice_is_read_for_the_exact_metric_too():
    parsed = parse("Sand. The answer is (c)", "stop", "label", "multiple_choice", EXACT, PLACES)
    assert parsed.label == "beach"


def test_a_rationale_alone():
    assert choose("Rationale: One. Two", reply="rationale") == Parsed("One. Two", None, "ok")
    assert choose("One. Two 3.5 th", "length", reply="rationale") == Parsed(
        "One.", None, "repaired"
    )
    assert choose("no end in sigh", "length", reply="rationale") == Parsed(None, None, "truncated")
    assert choose("One. Two" + RUN_ON, "length", reply="rationale") == Parsed(
        "One. Two", None, "ok"
    )


def test_the_parser_has_no_way_to_see_gold():
    assert set(inspect.signature(parse_completion).parameters) == {
        "text", "finish_reason", "form", "choices", "reasoned",
    }  # fmt: skip


fragments = st.sampled_from(
    ["So the answer is", "The answer is ", "Answer:", "(b)", "train station", "either", " or ",
     "not ", "\n", "\nQ:", "42", "(84 / 2", ").", "= ", "$", "**", "Rationale:", "hence", ". "]
)  # fmt: skip
completions = st.one_of(
    st.text(max_size=80),
    st.lists(st.one_of(fragments, st.text(max_size=5)), max_size=12).map("".join),
)


@settings(max_examples=300)
@given(
    completions,
    st.sampled_from(["stop", "length"]),
    st.sampled_from(["rationale_then_label", "label", "rationale"]),
    st.sampled_from(["multiple_choice", "nli", "math", "classification", "text"]),
    st.sampled_from([CHOICE, EQUATION, NUMBER, EXACT]),
    st.one_of(st.just(PLACES), st.just(()), st.lists(st.text(max_size=8), max_size=4)),
)
def test_any_text_parses_and_the_parts_keep_to_their_status(
    text, reason, reply, task, answer, choices
):
    parsed = parse(text, reason, reply, task, answer, choices)
    good = parsed.status in ("ok", "repaired")
    if reply == "rationale":
        assert parsed.label is None
        assert good == (parsed.rationale is not None)
    else:
        assert good == (parsed.label is not None)
    if reply == "label":
        assert parsed.rationale is None
    if parsed.rationale is not None:
        assert parsed.rationale in text
    if parsed.label is not None and choices and answer.metric in ("choice", "exact"):
        assert parsed.label in choices
    if reason == "stop":
        assert parsed.status != "truncated"


@given(completions, completions)
def test_what_follows_a_run_on_marker_changes_nothing(text, rest):
    for reply in ("rationale_then_label", "label", "rationale"):
        assert choose(f"{text}\nQ:{rest}", reply=reply) == choose(f"{text}\nQ:", reply=reply)


@pytest.mark.parametrize(
    "unit",
    ["so ", "(", "The answer is ", "\n", "*", "a", "1359 ", "1=1=", " ", "{", "<think>", "**a** ",
     "no, ", "(b), ", "The answer is 5. ", "`", "\n- [x] a"],
)  # fmt: skip
def test_the_time_grows_with_the_length_alone(unit):
    """What is quadratic takes minutes here; the bound says nothing of the machine's speed."""
    started = time.process_time()
    for length in (199_000, 1_000_000):
        text = "The answer is " + (unit * length)[:length]
        choose(text)
        calculate(text, reply="label")
        choose(text, reply="rationale")
    assert time.process_time() - started < 60
