"""What scores are called, and how they are written."""

import pytest

from stillhouse.kinds.measures import ACCURACY, AGREEING, ENTITY_DENSITY, GRADED, NAMED, measure_of


def test_a_share_is_in_percent_and_its_differences_in_points():
    assert ACCURACY.shown(0.64) == "64.0%"
    assert ACCURACY.ends(0.5, 0.755) == "50.0% to 75.5%"
    assert (ACCURACY.change(-0.086), ACCURACY.points) == ("-8.6", " points")
    assert ACCURACY.size(0.02) == "2.0"


def test_a_graded_mean_is_on_its_own_scale():
    assert ENTITY_DENSITY.shown(0.1036) == "0.104"
    assert ENTITY_DENSITY.change(0.0114) + ENTITY_DENSITY.points == "+0.011"
    assert ENTITY_DENSITY.lead == "entity density "


@pytest.mark.parametrize("metric", ["exact", "choice", "number", "equation", "latex", "python:a:b"])
def test_what_is_right_or_wrong_is_an_accuracy(metric):
    assert measure_of(metric) is ACCURACY
    assert ACCURACY.of_teacher == AGREEING.of_teacher == "teacher_label_accuracy"


def test_a_measure_is_found_by_the_name_that_a_report_holds():
    assert all(NAMED[name].name == name for name in NAMED)
    assert all(measure.graded and measure.name in NAMED for measure in GRADED.values())
