"""Overrides in Hydra's grammar, and why an experiment failed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.studies.run import failure, override, overrides
from tests.studies.studies import study

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(-1e3, 1e3, allow_nan=False),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=12),
)


@given(st.one_of(scalars, st.lists(scalars, max_size=3)))
@settings(max_examples=200, deadline=None)
def test_a_value_comes_out_of_hydras_parser_as_it_went_in(value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_override(f"knob={override(value)}").value()
    plain = [_text(each) for each in parsed] if isinstance(parsed, list) else _text(parsed)
    assert plain == value


def _text(parsed):
    """A quoted string keeps its quotes beside its text."""
    return getattr(parsed, "text", parsed)


def test_a_condition_is_a_list_of_settings():
    condition = study().conditions("s", small=False)[0]
    assert overrides(condition) == ["seeds=[0,1]", "lambda=0", "fraction=0.5"]


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        (["Running stage 'x':", "error in x: no rows", "ERROR: failed"], 1, "error in x: no rows"),
        (["ERROR: failed to reproduce 'x'"], 255, "ERROR: failed to reproduce 'x'"),
        ([], -9, "`dvc exp run` ended with status -9"),
        (["error in x: but it went on"], 0, ""),
    ],
)
def test_the_reason_of_a_failure_is_the_first_message(lines, status, said):
    assert failure(lines, status) == said
