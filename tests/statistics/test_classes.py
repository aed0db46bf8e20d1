"""Measures of classes against scikit-learn's, and their intervals against simulated tests."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from stillhouse.statistics.classes import MOST_LABELS, class_measures, confusion, macro_f1
from stillhouse.statistics.intervals import wilson

CLASSES = ["dog", "cat", "hen", "eel"]
NONE = "none of them"
rows = st.lists(
    st.tuples(st.sampled_from(CLASSES[:3]), st.sampled_from([*CLASSES, None])), min_size=1
)


@given(rows)
@settings(max_examples=60, deadline=None)
def test_it_measures_what_scikit_learn_does(pairs: list[tuple[str, str | None]]):
    actual, predicted = [a for a, _ in pairs], [p for _, p in pairs]
    named = [p or NONE for p in predicted]
    found = class_measures(CLASSES, actual, predicted)
    theirs = precision_recall_fscore_support(actual, named, labels=CLASSES, zero_division=np.nan)
    for place, label in enumerate(CLASSES):
        measured = found["by_label"][label]
        for name, values in zip(("precision", "recall", "f1"), theirs, strict=False):
            value = measured.get(name, np.nan)
            assert value == pytest.approx(values[place], abs=1e-6, nan_ok=True), (label, name)
        assert measured["rows"] == theirs[3][place]
        assert measured["predicted"] == named.count(label)
    seen = [label for label in CLASSES if label in {*actual, *predicted}]
    macro = f1_score(actual, named, labels=seen, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(macro, abs=1e-6)
    assert 0 <= found["macro_f1_low"] <= found["macro_f1"] <= found["macro_f1_high"] <= 1
    assert found["none"] == predicted.count(None)
    counts = {(a, p or NONE): n for a, p, n in confusion(CLASSES, actual, predicted)}
    matrix = confusion_matrix(actual, named, labels=[*CLASSES, NONE])
    for i, label in enumerate(CLASSES):
        for j, other in enumerate([*CLASSES, NONE]):
            assert counts.get((label, other), 0) == matrix[i, j]


def test_recall_and_precision_have_wilsons_intervals():
    actual = ["dog"] * 40 + ["cat"] * 60
    predicted = ["dog"] * 30 + ["cat"] * 70
    dog = class_measures(CLASSES, actual, predicted)["by_label"]["dog"]
    recall, precision = wilson(30, 40), wilson(30, 30)
    assert dog["recall_low"] == pytest.approx(recall.low, abs=1e-6)
    assert dog["recall_high"] == pytest.approx(recall.high, abs=1e-6)
    assert dog["precision_low"] == pytest.approx(precision.low, abs=1e-6)


def test_rows_of_a_group_say_less_than_as_many_apart():
    actual = [CLASSES[n // 6 % 2] for n in range(240)]
    predicted = [CLASSES[0] if n // 6 % 3 else label for n, label in enumerate(actual)]
    groups = [n // 6 for n in range(240)]
    apart = class_measures(CLASSES, actual, predicted)
    grouped = class_measures(CLASSES, actual, predicted, groups)

    def width(found: dict[str, float], name: str) -> float:
        return found[f"{name}_high"] - found[f"{name}_low"]

    assert width(grouped, "macro_f1") > 1.8 * width(apart, "macro_f1")
    label = CLASSES[1]
    of = [found["by_label"][label] for found in (grouped, apart)]
    assert width(of[0], "recall") > 1.8 * width(of[1], "recall")


@pytest.mark.parametrize(("right", "value"), [(True, 1.0), (False, 0.0)])
def test_where_no_row_differs_the_ends_are_those_of_accuracy(right: bool, value: float):
    actual = ["dog", "cat"] * 20
    other = ["cat", "dog"] * 20
    found = macro_f1(CLASSES, actual, actual if right else other)
    share = wilson(40 * right, 40)
    assert (found.mean, found.low, found.high) == (value, share.low, share.high)


def test_the_interval_of_macro_f1_holds_the_true_one_as_often_as_it_says():
    """With 17 rows a class the plain percentiles hold it in 88% of trials."""
    generator, kinds, rows_, trials = np.random.default_rng(3), 30, 500, 200
    spread = generator.dirichlet(np.full(kinds, 0.5), size=kinds)
    share = (0.4 * spread + 0.6 * np.eye(kinds)) / kinds
    right, either = np.diag(share), share.sum(axis=0) + share.sum(axis=1)
    true = float((2 * right / either).mean())
    names = [str(kind) for kind in range(kinds)]
    held = 0
    for _ in range(trials):
        cells = generator.choice(kinds * kinds, size=rows_, p=share.ravel())
        actual, predicted = ([names[k] for k in which] for which in divmod(cells, kinds))
        found = macro_f1(names, actual, predicted, resamples=500)
        held += found.low <= true <= found.high
    assert 0.91 * trials <= held <= 0.99 * trials


def test_many_classes_are_bounded():
    names = [f"c{number}" for number in range(200)]
    actual = [names[n * n % 200] for n in range(1000)]
    predicted = [names[n % 200] for n in range(1000)]
    found = class_measures(names, actual, predicted)
    assert len(found["by_label"]) == MOST_LABELS
    kept = min(measured["rows"] for measured in found["by_label"].values())
    left_out = [actual.count(name) for name in names if name not in found["by_label"]]
    assert kept >= max(left_out)
    assert list(found["by_label"]) == [name for name in names if name in found["by_label"]]
    cells = list(confusion(names, actual, predicted))
    assert sum(count for *_, count in cells) == 1000
    assert all(count for *_, count in cells)
