"""New rows: whose queries, which are kept, how many, and at what cost."""

import random
from collections import Counter

import pytest

from stillhouse.augment.augment import content_id, training_rows
from stillhouse.augment.queries import ask_queries
from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import read_events
from stillhouse.core.rouge import tokens
from stillhouse.core.tables import TRAINING
from stillhouse.teacher_generate.backends.scripted import ScriptedTeacher
from tests.augment.project import (
    EXAMPLES,
    EXEMPLARS,
    NEW,
    TEST,
    TRAIN,
    augment,
    chosen_row,
    config,
    example,
    script,
)
from tests.augment.rouge import rouge_l
from tests.feedback_judge.judges import judge
from tests.teacher_generate.helpers import store, teacher

CHOSEN = [chosen_row(row) for row in TRAIN]


@pytest.fixture
def asked(monkeypatch):
    """The prompts that the teacher was asked, in order."""
    prompts = []
    complete = ScriptedTeacher._complete

    def counted(self, request):
        prompts.append(request.messages[-1].content)
        return complete(self, request)

    monkeypatch.setattr(ScriptedTeacher, "_complete", counted)
    return prompts


@pytest.fixture
def grow(tmp_path):
    """Run the stage's function with one store; gives the synthetic rows and the metrics."""

    def run(chosen=CHOSEN, examples=EXAMPLES, exemplars=EXEMPLARS, folder=tmp_path, **changes):
        rows, metrics = training_rows(chosen, examples, exemplars, config(**changes), store(folder))
        assert len({row["id"] for row in rows}) == len(rows)
        return [row for row in rows if row["origin"] == "synthetic"], metrics

    return run


def test_without_synthetic_rows_nobody_is_asked(grow, asked, tmp_path):
    rows, metrics = training_rows(CHOSEN, EXAMPLES, EXEMPLARS, config(synthetic=0))
    assert [row["id"] for row in rows] == [row["id"] for row in CHOSEN]
    assert {row["origin"] for row in rows} == {"real"}
    assert metrics == {"real": 6, "synthetic": 0}
    assert asked == []
    TRAINING.at(tmp_path / "training.parquet").write_rows(rows)


def test_a_quota_is_met_exactly_and_every_row_is_labelled(grow, tmp_path):
    rows, metrics = grow(synthetic=9)
    assert len(rows) == metrics["synthetic"] == 9
    assert metrics["shortfall"] == 0
    assert metrics["asked"] == 9 + sum(metrics["left_out"].values())
    assert {row["label"] for row in rows} <= set("01234")
    assert all(row["rationale"].endswith("it is.") for row in rows)
    assert all(row["id"] == content_id(row["query"]) for row in rows)
    TRAINING.at(tmp_path / "training.parquet").write_rows(rows)


def test_the_labels_are_prompted_with_the_exemplars_of_the_seed(grow, asked):
    grow(synthetic=1)
    query, answer = asked
    seed = next(row for row in TRAIN if row["query"] in query)
    shown = [TRAIN[TRAIN.index(seed) - 1], TRAIN[TRAIN.index(seed) - 2]]
    for row in shown:
        assert f"Q: {row['query']}\nA: 3" in answer or f"Q: {row['query']} A: 3" in answer
    assert seed["query"] not in answer


def test_seeds_take_turns(grow, asked):
    rows, _ = grow(synthetic=12)
    queries = [prompt for prompt in asked if prompt.startswith("New one")]
    assert len(rows) == 12
    assert set(Counter(queries).values()) == {2}  # no seed is asked three times before others


def test_more_rows_ask_only_for_the_additional_ones(grow, asked, tmp_path):
    few, _ = grow(synthetic=4)
    before = len(asked)
    many, _ = grow(synthetic=10)
    assert len(asked) - before == 2 * 6  # a query and a label for each further row
    assert {row["id"] for row in few} < {row["id"] for row in many}
    again = len(asked)
    assert grow(synthetic=4)[0] == few
    assert len(asked) == again
    fresh, _ = grow(synthetic=10, folder=tmp_path / "another")
    assert fresh == many


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_order_and_wave_size_change_nothing(grow, monkeypatch, tmp_path, share):
    half = script("{% if digest % 2 %}" + NEW + "{% else %}Too short{% endif %}")
    expected, metrics = grow(synthetic=8, script=half)
    mixed = random.Random(1)
    monkeypatch.setattr("stillhouse.augment.augment.LEAST_RATE", share)
    shuffled = [mixed.sample(rows, len(rows)) for rows in (CHOSEN, EXAMPLES, EXEMPLARS)]
    found = grow(*shuffled, synthetic=8, script=half, folder=tmp_path / "b")
    assert found == (expected, metrics)


def test_a_wave_of_which_nothing_is_kept_is_not_followed_by_a_huge_one(grow, monkeypatch):
    sizes = []

    def counted(wave, *arguments, **named):
        sizes.append(len(wave))
        return ask_queries(wave, *arguments, **named)

    monkeypatch.setattr("stillhouse.augment.augment.ask_queries", counted)
    with pytest.raises(StillhouseError, match="0 of 2 synthetic rows"):
        grow(script=script("What?"), augment=augment(queries_per_seed=20), synthetic=2)
    assert sizes[:5] == [2, 4, 8, 16, 32]
    assert sum(sizes) == 120  # all that may be asked


def test_the_budget_is_for_all_waves_together(grow, asked):
    """Each wave alone would be within it."""
    conf = teacher(
        model={"source": f"scripted:{script('What?')}"}, compute={"budget": {"tokens": 1500}}
    )
    with pytest.raises(StillhouseError, match=r"budget of this run \(1,500 tokens\) is used up"):
        grow(teacher=conf, augment=augment(queries_per_seed=200), synthetic=5)
    assert len(asked) * 15 < 1500


@pytest.mark.parametrize("own", [True, False], ids=["its own", "the teacher's"])
def test_so_is_the_budget_of_a_judge(grow, asked, own):
    rating = "{% if 'Rate this' in prompt %}Rating: 1{% else %}" + script() + "{% endif %}"
    teacher_budget, judge_budget = ({}, {"tokens": 1000}) if own else ({"tokens": 2000}, None)
    compute = judge_budget and {"backend": "scripted", "budget": judge_budget}
    conf = teacher(
        model={"source": f"scripted:{rating}"},
        compute={"budget": teacher_budget} if teacher_budget else {},
    )
    rater = judge("answer", prompt="Rate this\n{{ query }}\n{{ answer }}", compute=compute)
    with pytest.raises(StillhouseError, match="is used up"):
        grow(
            teacher=conf,
            judge=rater,
            augment=augment(verify={"min_score": 4}, queries_per_seed=200),
            synthetic=5,
        )
    if own:
        judged = [prompt for prompt in asked if "Rate this" in prompt]
        assert sum(len(prompt.split()) for prompt in judged) < 1000
    else:
        spent = read_events("teacher")
        assert sum(run["prompt_tokens"] + run["completion_tokens"] for run in spent) <= 2000


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("What?", "length"),
        ("How " + "very " * 40 + "long?", "length"),
        ("- how many eggs are there?", "odd_start"),
        ("Here is my created question for you", "forbidden"),
        ("word " * 64 + "cut", "truncated"),
        (TEST[0]["query"], "held_out"),
        (TEST[1]["query"].upper(), "held_out"),
        ("Tell me: " + TEST[2]["query"], "held_out"),
        (TRAIN[0]["query"], "near_duplicate"),
        (TRAIN[0]["query"].replace("How many", "Just how many"), "near_duplicate"),
    ],
)
def test_what_is_left_out_and_why(grow, query, reason):
    with pytest.raises(StillhouseError, match=rf"0 of 5 synthetic rows.*24 {reason}"):
        grow(
            script=script(query.strip()),
            augment=augment(filters={"forbidden": ["created question"]}),
        )


@pytest.mark.parametrize("split", ["test", "validation"])
def test_every_query_copied_from_a_held_out_split_is_left_out(grow, split):
    copies = "{{ [" + ",".join(repr(row["query"]) for row in TEST) + "][digest % 4] }}"
    held_out = [row | {"split": split} for row in TEST]
    with pytest.raises(StillhouseError, match="24 held_out"):
        grow(examples=TRAIN + held_out, script=script(copies))


def test_phrases_of_the_dataset_are_no_leak(grow):
    """Every query ends with the same nine words, test rows included."""
    phrase = "Answer with one number and nothing else at all."
    examples = [row | {"query": f"{row['query']} {phrase}"} for row in EXAMPLES]
    chosen = [chosen_row(row) for row in examples if row["split"] == "train"]
    rows, _ = grow(chosen, examples, script=script(f"{NEW} {phrase}"), synthetic=3)
    assert len(rows) == 3


def test_identical_queries_are_kept_once(grow, capsys):
    rows, metrics = grow(script=script("Why do five birds sing at night?"))
    assert [row["query"] for row in rows] == ["Why do five birds sing at night?"]
    assert (metrics["synthetic"], metrics["shortfall"]) == (1, 4)
    assert metrics["left_out"] == {"near_duplicate": 23}
    warning = capsys.readouterr().err
    assert "1 of 5 synthetic rows could be made from 24 queries (23 near_duplicate)" in warning


def test_no_two_rows_are_near_duplicates(grow):
    few = "Take {{ digest % 7 }} and {{ digest // 7 % 7 }} and {{ digest // 49 % 3 }} red eggs now?"
    rows, _ = grow(script=script(few), synthetic=12)
    texts = [tokens(row["query"]) for row in rows] + [tokens(row["query"]) for row in TRAIN]
    for place, text in enumerate(texts[: len(rows)]):
        assert all(rouge_l(text, other) <= 0.7 for other in texts[place + 1 :])


def test_only_hard_rows_are_seeds_and_the_easy_ones_where_mixed(grow, asked):
    chosen = [chosen_row(row, ("hard", "easy", None)[n % 3]) for n, row in enumerate(TRAIN)]
    hard = {row["query"] for row in chosen if row["difficulty"] == "hard"}
    easy = {row["query"] for row in chosen if row["difficulty"] == "easy"}
    grow(chosen, feedback="hard", synthetic=4)
    queries = [prompt for prompt in asked if prompt.startswith("New one")]
    assert {prompt.removeprefix("New one like: ") for prompt in queries} == hard
    asked.clear()
    rows, _ = grow(chosen, feedback="mixed", hard_share=0.25, synthetic=8)
    assert len(rows) == 8
    rarer = [prompt for prompt in asked if prompt.startswith("New one rarer")]
    assert {prompt.removeprefix("New one rarer than: ") for prompt in rarer} == easy
    assert len(rarer) == 6


def test_without_a_hard_row_there_is_nothing_to_start_from(grow):
    with pytest.raises(StillhouseError, match=r"None of the 6 chosen rows is hard.*`tau`"):
        grow(feedback="hard")


def test_synthetic_rows_alone(grow, tmp_path):
    rows, metrics = training_rows(
        CHOSEN, EXAMPLES, EXEMPLARS, config(real=False, rationale_source="none"), store(tmp_path)
    )
    assert {row["origin"] for row in rows} == {"synthetic"}
    assert {row["rationale"] for row in rows} == {None}
    assert metrics["real"] == 0
    with pytest.raises(StillhouseError, match="nothing to train on"):
        grow(real=False, synthetic=0)


def test_a_label_that_cannot_be_read_leaves_its_query_out(grow):
    answer = "{% if digest % 2 %}The answer is 4.{% else %}I wonder.{% endif %}"
    rows, metrics = grow(script=script(answer=answer), synthetic=6)
    assert len(rows) == 6
    assert metrics["left_out"]["no_label"] > 0


def test_self_consistency_takes_the_label_of_most_samples(grow):
    verify = {"samples": 5, "agreement": 0.6, "temperature": 1.0}
    mostly = "Sample {{ sample }}. The answer is {{ 7 if sample in (1, 3, 4) else sample }}."
    rows, metrics = grow(script=script(answer=mostly), augment=augment(verify=verify))
    assert {(row["label"], row["rationale"]) for row in rows} == {("7", "Sample 1.")}
    assert metrics["left_out"] == {}
    with pytest.raises(StillhouseError, match="24 disagreement"):
        grow(script=script(answer=mostly), augment=augment(verify=verify | {"agreement": 0.8}))


def test_a_judge_verifies_the_labels(grow):
    rating = "{% if 'Rate this' in prompt %}Rating: {{ 3 + digest % 3 }}{% else %}"
    teacher = rating + script() + "{% endif %}"
    rater = judge("answer", prompt="Rate this\n{{ query }}\n{{ answer }}")
    rows, metrics = grow(
        script=teacher, judge=rater, augment=augment(verify={"min_score": 4}), synthetic=6
    )
    assert len(rows) == 6
    assert metrics["left_out"].keys() == {"low_score"}
    with pytest.raises(StillhouseError, match="24 no_verdict"):
        grow(script=script(), judge=rater, augment=augment(verify={"min_score": 5}))
    with pytest.raises(StillhouseError, match=r"form `pairwise`.*hhh"):
        grow(judge=judge(), augment=augment(verify={"min_score": 5}))


def test_later_rounds_start_from_the_queries_of_the_round_before(grow, asked):
    rows, _ = grow(augment=augment(rounds=2), synthetic=8)
    assert len(rows) == 8
    queries = [prompt for prompt in asked if prompt.startswith("New one")]
    seeds = {prompt.removeprefix("New one like: ") for prompt in queries}
    assert seeds & {row["query"] for row in rows}
    assert seeds <= {row["query"] for row in rows} | {row["query"] for row in TRAIN}


CHOICES = {"task": "multiple_choice", "answer": {"metric": "choice"}, "fields": {
    "query": "{{ q }}", "label": "{{ a }}", "choices": ["{{ c }}"]}}  # fmt: skip
PARTS = {"tasks": {"multiple_choice": {"query": "Q: {{ query }}"}}}


def test_new_queries_bring_their_own_choices(grow):
    listed = [
        example(
            f"t{n}", query=f"Where is {n}? (a) in {n} (b) at sea", choices=[f"in {n}", "at sea"]
        )
        for n in range(4)
    ]
    query = (
        "{% if digest % 2 %}" + NEW + " (a) up {{ digest % 9 }} (b) down{% else %}"
        "{{ digest }} is a question with one choice: (a) here{% endif %}"
    )
    rows, metrics = grow(
        [chosen_row(row) for row in listed], listed, dataset=CHOICES, prompt=PARTS, synthetic=4,
        script=script(query, "So. The answer is (b)."),
    )  # fmt: skip
    assert {row["label"] for row in rows} == {"down"}
    assert metrics["left_out"].keys() == {"choices"}


def test_choices_that_cannot_be_read_off_a_query_are_said(grow):
    hidden = [example(f"t{n}", choices=[f"in {n}", "at sea"]) for n in range(4)]
    with pytest.raises(StillhouseError, match=r"choices of its own.*fields\.query"):
        grow([chosen_row(row) for row in hidden], hidden, dataset=CHOICES, prompt=PARTS)


def test_a_prompt_that_explains_a_given_label_cannot_give_one(grow):
    with pytest.raises(StillhouseError, match=r"reply: rationale.*clean"):
        grow(prompt={"reply": "rationale"})
