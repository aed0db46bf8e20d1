from hypothesis import given
from hypothesis import strategies as st

from stillhouse.embed.batches import ROWS, WIDTH_STEP, fixed_batches, padded

LENGTHS = st.lists(st.integers(1, 60), max_size=100)


@given(LENGTHS)
def test_every_query_is_in_one_batch_that_is_wide_enough(lengths):
    batches = fixed_batches(lengths, limit=60)
    assert sorted(p for batch in batches for p in batch.positions) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[position] for position in batch.positions)
        assert longest <= batch.width <= 60
        assert batch.width - longest < WIDTH_STEP


@given(LENGTHS, st.integers(1, 60))
def test_a_querys_width_depends_on_its_own_length_alone(lengths, length):
    def width(batches, position):
        return next(batch.width for batch in batches if position in batch.positions)

    alone = width(fixed_batches([length], limit=60), 0)
    assert width(fixed_batches([*lengths, length], limit=60), len(lengths)) == alone


@given(LENGTHS.filter(bool))
def test_all_batches_have_the_same_number_of_rows_and_mask_the_padding(lengths):
    tokens = [[7] * length for length in lengths]
    for batch in fixed_batches(lengths, limit=60):
        ids, mask = padded(tokens, batch, pad=9)
        assert len(ids) == len(mask) == ROWS
        for position, row, seen in zip(batch.positions, ids, mask, strict=False):
            assert row == [7] * lengths[position] + [9] * (batch.width - lengths[position])
            assert seen == [1] * lengths[position] + [0] * (batch.width - lengths[position])


def test_the_widest_batches_come_first():
    widths = [batch.width for batch in fixed_batches([3, 50, 20, 4], limit=60)]
    assert widths == sorted(widths, reverse=True)
