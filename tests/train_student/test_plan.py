"""Plans: every row in its turn, full batches, similar lengths, equal for equal seeds."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.student import Training
from stillhouse.students.text import TokenSequence
from stillhouse.train_student.plan import batch_plan, training_rows
from stillhouse.train_student.rows import TokenRow
from tests.students.conftest import TRAINING


def token_rows(lengths: list[int], every: int = 1) -> list[TokenRow]:
    return [
        TokenRow(
            f"row-{place}",
            TokenSequence((5,) * length, (7, 2)),
            TokenSequence((5,) * length, (7,) * 30 + (2,)) if place % every == 0 else None,
        )
        for place, length in enumerate(lengths)
    ]


tables = st.lists(st.integers(1, 200), min_size=1, max_size=60).map(token_rows)


@given(tables, st.integers(1, 150), st.integers(1, 9), st.integers(0, 3))
def test_a_plan_goes_round_the_rows_in_full_batches(rows, total, size, seed):
    plan = batch_plan(rows, total, size, seed)
    assert [len(batch) for batch in plan[:-1]] == [size] * (len(plan) - 1)
    assert sum(map(len, plan)) == total
    seen = Counter(place for batch in plan for place in batch)
    assert max(seen.values()) - min(seen[place] for place in range(len(rows))) <= 1
    assert plan == batch_plan(rows, total, size, seed)


def test_seeds_and_epochs_differ():
    rows = token_rows(list(range(1, 41)))
    plans = [batch_plan(rows, 80, 4, seed) for seed in (0, 1)]
    assert plans[0] != plans[1]
    assert plans[0][:10] != plans[0][10:]


def padding(rows: list[TokenRow], plan: list[list[int]]) -> int:
    longest = [max(rows[place].length for place in batch) for batch in plan]
    return sum(
        width - rows[place].length
        for width, batch in zip(longest, plan, strict=True)
        for place in batch
    )


def test_batches_hold_rows_of_similar_length():
    rows = token_rows([1 + (place * 37) % 160 for place in range(160)])
    plan = batch_plan(rows, 160, 4, 0)
    unsorted = [list(range(start, start + 4)) for start in range(0, 160, 4)]
    assert padding(rows, plan) < 0.35 * padding(rows, unsorted)
    assert [len(rows[batch[0]].label.prompt) for batch in plan] != sorted(
        len(rows[batch[0]].label.prompt) for batch in plan
    )


def test_rows_without_rationales_are_spread_over_the_batches():
    rows = token_rows([20] * 960, every=3)
    for batch in batch_plan(rows, 960, 12, 0):
        assert 2 <= sum(rows[place].rationale is not None for place in batch) <= 6


def test_steps_or_epochs_decide_how_many_rows_are_seen():
    steps = Training.model_validate(TRAINING | {"epochs": None, "steps": 10})
    epochs = Training.model_validate(TRAINING | {"epochs": 2.5})
    assert training_rows(steps, 7) == 40
    assert training_rows(epochs, 10) == 25
    assert training_rows(Training.model_validate(TRAINING | {"epochs": 0.01}), 10) == 1
