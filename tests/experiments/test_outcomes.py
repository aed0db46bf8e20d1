"""Outcomes say exactly what predictions say, and pair nothing that predictions would not pair."""

import random
from dataclasses import replace

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.experiments.compare import as_json, compared
from stillhouse.experiments.revisions import of_outcomes, paired, read_revision
from stillhouse.statistics.paired import verdict
from tests.pull_requests import runs

CASES = [
    ("choice", False, (0,), (0,)),
    ("choice", True, (0,), (0,)),
    ("choice", False, (0, 1, 2), (0, 1, 2)),
    ("choice", True, (0, 1), (1, 2, 3)),
    ("summary", False, (0,), (0,)),
    ("summary", True, (0, 1, 2), (3, 4, 5)),
    ("rating", False, (0, 1), (0, 1)),
    ("rating", True, (0,), (0,)),
]


def both_ways(folder, monkeypatch, metric, rows, seeds, seed):
    """A revision by its tables and by its outcomes."""
    draw = random.Random(seed)
    by_seed = {number: runs.scores(rows, draw, metric) for number in seeds}
    runs.write_tables(folder, rows, by_seed, metric)
    monkeypatch.chdir(folder)
    packed = runs.outcomes(rows, by_seed, metric)
    return read_revision("workspace"), of_outcomes("workspace", packed, seeds)


@pytest.mark.parametrize(("metric", "grouped", "seeds", "other_seeds"), CASES)
def test_a_comparison_is_the_same_by_tables_and_by_outcomes(
    tmp_path, monkeypatch, metric, grouped, seeds, other_seeds
):
    rows = runs.examples(grouped=grouped)
    one = both_ways(tmp_path / "a", monkeypatch, metric, rows, seeds, 1)
    other = both_ways(tmp_path / "b", monkeypatch, metric, rows, other_seeds, 2)
    expected = as_json(compared(one[0], other[0]))
    assert '"rows": 0' not in expected
    for place, another in ((1, 1), (0, 1), (1, 0)):
        assert as_json(compared(one[place], other[another])) == expected
    said = [
        verdict(a.seeds, b.seeds, a.groups, scale=a.measure.scale)
        for a, b in (paired(one[n], other[n]) for n in (0, 1))
    ]
    assert said[0] == said[1]


@pytest.mark.parametrize("change", [{"label": "b"}, {"query": "another"}, {"id": "new"}])
def test_other_rows_are_not_paired(tmp_path, monkeypatch, change):
    rows = runs.examples()
    changed = [rows[0] | change, *rows[1:]]
    one = both_ways(tmp_path / "a", monkeypatch, "choice", rows, (0,), 1)
    other = both_ways(tmp_path / "b", monkeypatch, "choice", changed, (0,), 1)
    for place, another in ((1, 1), (0, 1), (1, 0)):
        with pytest.raises(StillhouseError, match=r"tested on other rows.*digests"):
            paired(one[place], other[another])


def test_rows_that_others_were_tested_on_too_are_not_paired(tmp_path, monkeypatch):
    one = both_ways(tmp_path / "a", monkeypatch, "choice", runs.examples(), (0,), 1)
    other = both_ways(tmp_path / "b", monkeypatch, "choice", runs.examples(30), (0,), 1)
    with pytest.raises(StillhouseError, match=r"\(60 test rows\) and 'b' \(30\)"):
        paired(one[1], replace(other[1], name="b"))


def test_a_number_of_rows_that_does_not_go_with_the_digest_is_not_paired():
    rows = runs.examples()
    packed = runs.outcomes(rows, {0: runs.scores(rows, random.Random(0), "choice")}, "choice")
    longer = replace(packed, rows=61, models={"seed=0": [*packed.models["seed=0"], 1.0]})
    one, other = (of_outcomes("a", each, [0]) for each in (packed, longer))
    with pytest.raises(StillhouseError, match="tested on other rows"):
        paired(one, other)


def test_outcomes_that_lack_a_seed_are_no_revision():
    rows = runs.examples()
    packed = runs.outcomes(rows, {0: runs.scores(rows, random.Random(0), "choice")}, "choice")
    assert of_outcomes("a", packed, [0, 1]) is None
    assert of_outcomes("a", packed, [0], ["gold"]) is None
