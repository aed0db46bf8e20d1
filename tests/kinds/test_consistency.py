import pytest

from stillhouse.kinds.registry import kind_of

CHOICES = ["bus depot", "train station", "beach"]


@pytest.mark.parametrize(
    ("rationale", "label", "metric", "choices", "consistent"),
    [
        ("He has 84 / 2 = 42 points.", "(84 / 2)", "equation", [], True),
        ("84 / 2 = 42. So 42 in each of 2 rounds.", "(84 / 2)", "equation", [], True),
        ("7 * 36 is 252.", "(7 * 36)", "equation", [], True),
        ("He has 84 / 2 = 43 points.", "(84 / 2)", "equation", [], False),
        ("5 - 9 = -4", "-4", "number", [], True),
        ("It fell to -4", "-4", "number", [], True),
        ("9 - 4", "4", "number", [], True),
        ("That makes $1,080.", "1080", "number", [], True),
        ("No number here.", "1080", "number", [], None),
        ("No number here.", "(84 / 2)", "equation", [], None),
        (r"So \boxed{\frac12}.", "0.5", "latex", [], True),
        (r"So \boxed{2}.", "0.5", "latex", [], False),
        ("That makes 0.5", r"\frac12", "latex", [], True),
        ("No number here.", "0.5", "latex", [], None),
        ("Not the beach but the bus depots.", "bus depot", "choice", CHOICES, True),
        ("Not (a), so (c).", "beach", "choice", CHOICES, True),
        ("The beach, not the bus depot.", "beach", "choice", CHOICES, False),
        ("Somewhere.", "beach", "exact", CHOICES, None),
        ("So it must be Spam.", "spam", "exact", [], True),
        ("So it must be ham.", "spam", "exact", [], None),
    ],
)
def test_consistency(rationale, label, metric, choices, consistent):
    assert kind_of(metric, choices).ends_on(rationale, label) is consistent
