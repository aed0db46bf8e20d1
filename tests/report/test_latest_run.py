"""What the stages of a run did: by stage, in all, and in a sentence."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhouse.report.latest_run import (
    Asked,
    Run,
    StageRun,
    latest_run,
    one_run,
    run_lines,
    totals,
    written_rows,
)
from stillhouse.report.repro import summary


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A pipeline of which some outputs are there."""
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n"
        "  ingest: {cmd: a, outs: [data/inputs.json, data/examples.parquet]}\n"
        "  evaluate: {cmd: b, outs: ['data/seed=${item.seed}.parquet']}\n"
        "  report: {cmd: c, outs: [report.json]}\n"
    )
    (tmp_path / "data").mkdir()
    for name, rows in (("examples", 7), ("seed=1", 3)):
        pq.write_table(pa.table({"id": range(rows)}), tmp_path / f"data/{name}.parquet")
    (tmp_path / "data/seed=2.parquet").write_bytes(b"half")
    monkeypatch.chdir(tmp_path)


def ran(stage, run="2@1.0", seconds=1.0):
    return {"stage": stage, "run": run, "seconds": seconds}


def asked(stage, run="2@1.0", **others):
    event = {"stage": stage, "run": run, "asked": 0, "failed": 0, "reused": 0, "money": 0.0}
    return event | {"currency": "USD"} | others


def test_the_latest_run_is_one_call_of_dvc():
    stages = [ran("ingest", "1@0.5"), ran("ingest"), ran("evaluate@1"), ran("report")]
    teacher = [
        asked("teacher_generate", "1@0.5", asked=99),
        asked("ingest", asked=5, failed=1, reused=3, money=0.5),
        asked("ingest", asked=1, reused=1, money=0.25),
        asked("zero_shot", reused=2),  # which then failed
        {"model": "of an older version", "asked": 7, "failed": 0, "reused": 7},
    ]
    found = latest_run(stages, teacher)
    assert [stage.stage for stage in found.stages] == ["ingest", "evaluate@1", "report"]
    assert found.stages[0] == StageRun("ingest", 1.0, Asked(5, 4, {"USD": 0.75}), rows=7)
    assert [stage.rows for stage in found.stages] == [7, 3, None]
    assert found.asked == Asked(5, 6, {"USD": 0.75})
    assert found.seconds == 3.0
    assert one_run("1@0.5", stages, teacher).asked == Asked(99, 0, {})


def test_a_stage_run_by_hand_is_alone_and_nothing_is_no_run():
    by_hand = {"stage": "ingest", "seconds": 2.0}  # as versions before this wrote all
    assert latest_run([ran("report"), by_hand], []).stages == [StageRun("ingest", 2.0, rows=7)]
    assert latest_run([], []) is None


def test_rows_are_those_that_can_be_read():
    assert written_rows("ingest") == 7
    for stage in ("evaluate@2", "evaluate@3", "report", "removed"):
        assert written_rows(stage) is None


def test_the_table_says_what_each_stage_did_at_any_width():
    run = Run(
        [
            StageRun("teacher_generate", 61.6, Asked(1_024, 3, {"USD": 1.5, "EUR": 0.25}), 2_048),
            StageRun("train_student@0", 1_000.0),
        ],
        Asked(1_024, 3, {"USD": 1.5}),
    )
    assert list(run_lines(run, 80)) == [
        "                   Rows  Asked  Reused  Seconds                  Money",
        "teacher_generate  2,048  1,024       3       62  1.50 USD + 0.2500 EUR",
        "train_student@0       -      -       -    1,000                      -",
    ]
    assert totals(run) == "1,062 s; 1,024 answers asked, 3 reused; 1.50 USD"
    nobody = Run([StageRun("report", 0.2)], Asked())
    assert list(run_lines(nobody, 80)) == ["        Rows  Seconds", "report     -        0"]
    assert totals(nobody) == "0 s; 0 answers asked"


SIX = Run([StageRun(str(n), 2.0) for n in range(6)], Asked(1, 400))


@pytest.mark.parametrize(
    ("run", "restored", "every", "status", "said"),
    [
        (SIX, {}, 23, 0, "6 of 23 stages ran, 17 unchanged; 12 s; 1 answer asked, 400 reused."),
        (
            SIX,
            {"a", "b"},
            23,
            0,
            "6 of 23 stages ran, 2 restored from DVC's cache, 15 unchanged; 12 s; 1 answer asked, "
            "400 reused.",
        ),
        (Run([], Asked()), {}, 23, 0, "0 of 23 stages ran, 23 unchanged."),
        (SIX, {}, None, 0, "6 stages ran; 12 s; 1 answer asked, 400 reused."),
        (
            SIX,
            {"a"},
            23,
            1,
            "Stopped with an error: 6 stages ran, 1 restored from DVC's cache; 12 s; 1 "
            "answer asked, 400 reused. Run it again to go on.",
        ),
        (
            Run([], Asked(3)),
            {},
            None,
            130,
            "Interrupted: 0 stages ran; 0 s; 3 answers asked. Run it again to go on.",
        ),
    ],
)
def test_a_run_in_a_sentence(run, restored, every, status, said):
    assert summary(run, restored, every, status) == said
