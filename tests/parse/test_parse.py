import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import PARSED
from stillhouse.parse.form import Form
from stillhouse.parse.parse import parse_completions

ANSWER = Answer(markers=("The answer is",), metric="choice")
CHOICES = ["bus depot", "train station", "beach"]


def example(id_, label="beach", split="train", choices=CHOICES):
    return {
        "id": id_, "split": split, "query": "Where?", "label": label, "choices": choices,
        "gold_rationale": "GOLD", "group": None, "meta": None,
    }  # fmt: skip


def completion(id_, text, sample=0, finish_reason="stop"):
    return {
        "id": id_, "sample": sample, "text": text, "finish_reason": finish_reason,
        "prompt_tokens": 1, "completion_tokens": 1,
    }  # fmt: skip


def parse(examples, completions, reply="rationale_then_label", answer=ANSWER, task="nli"):
    form = Form(Reply(content=reply), task, answer)
    return parse_completions(examples, completions, form)


def test_measures_of_the_train_rows():
    texts = [
        "Sand is at the beach. The answer is (c).",
        "Trains stop at the train station. The answer is (c) beach.",
        "Rails. The answer is (b) train station.",
        "The answer is (a) or (c).",
        "",
    ]
    rows, metrics = parse(
        [example(str(i)) for i in range(5)], [completion(str(i), t) for i, t in enumerate(texts)]
    )
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "ambiguous", "empty"]
    expected = {
        "rows": 5,
        "status": {
            "ok": 0.6, "repaired": 0.0, "no_marker": 0.0,
            "ambiguous": 0.2, "truncated": 0.0, "empty": 0.2,
            "malformed": 0.0, "refused": 0.0,
        },
        "teacher_label_accuracy": 0.4,
        "rationale": {"agrees": 1 / 3, "disagrees": 1 / 3, "names_none": 1 / 3},
        "none": 2,
    }  # fmt: skip
    assert {name: metrics[name] for name in expected} == expected
    # Wilson's, of two in five.
    assert metrics["teacher_label_accuracy_low"] == pytest.approx(0.117621, abs=1e-6)
    beach, station = metrics["by_label"]["beach"], metrics["by_label"]["train station"]
    assert (beach["rows"], beach["predicted"], beach["recall"]) == (5, 2, 0.4)
    assert (station["rows"], station["predicted"], station["precision"]) == (0, 1, 0.0)
    assert metrics["macro_f1"] == pytest.approx((2 * 2 / 7 + 0) / 2, abs=1e-6)


def test_other_splits_are_measured_under_their_name():
    examples = [
        example("a"), example("b", split="test"), example("c", None, "unlabelled"),
    ]  # fmt: skip
    right = "Sand. The answer is (c)."
    _, metrics = parse(examples, [completion(id_, right) for id_ in "abc"])
    assert metrics["rows"] == metrics["test"]["rows"] == metrics["unlabelled"]["rows"] == 1
    assert metrics["test"]["teacher_label_accuracy"] == 1
    for measured in (metrics, metrics["test"]):
        names = {"teacher_label_accuracy_low", "teacher_label_accuracy_high", "macro_f1_low"}
        assert names | {"by_label"} <= measured.keys()
    assert metrics["unlabelled"].keys() == {"rows", "status", "rationale"}
    assert metrics["unlabelled"]["status"]["ok"] == 1
    assert parse(examples[1:2], [completion("b", right)])[1]["rows"] == 0


def test_choices_of_each_rows_own_are_no_classes():
    examples = [example("a"), example("b", choices=["beach", "sea"])]
    _, metrics = parse(examples, [completion(id_, "Sand. The answer is beach.") for id_ in "ab"])
    assert metrics["teacher_label_accuracy"] == 1
    assert not {"macro_f1", "by_label", "none"} & metrics.keys()


def test_every_sample_counts():
    samples = [completion("a", f"The answer is ({c})", i) for i, c in enumerate("ca")]
    rows, metrics = parse([example("a")], samples)
    assert [(row["sample"], row["label"]) for row in rows] == [(0, "beach"), (1, "bus depot")]
    assert metrics["teacher_label_accuracy"] == 0.5


def test_samples_of_a_row_and_rows_of_a_group_are_not_more_rows():
    """The interval of three samples a row is that of the rows, not narrower by the root of 3."""
    texts = ["The answer is (c).", "The answer is (a)."]
    examples = [example(str(n)) for n in range(60)]
    seen = {}
    for samples in (1, 3):
        completions = [
            completion(str(n), texts[n % 3 == 0], sample)
            for n in range(60)
            for sample in range(samples)
        ]
        metrics = parse(examples, completions)[1]
        assert metrics["teacher_label_accuracy"] == pytest.approx(2 / 3, abs=1e-6)
        seen[samples] = [metrics[f"teacher_label_accuracy_{end}"] for end in ("low", "high")]
    assert seen[1] == pytest.approx([0.540569, 0.772707], abs=1e-6)  # Wilson's, of 40 in 60
    assert seen[3] == pytest.approx(seen[1], abs=0.02)
    grouped = [row | {"group": f"g{int(row['id']) // 6}"} for row in examples]
    _, metrics = parse(grouped, [completion(str(n), texts[n < 20]) for n in range(60)])
    width = metrics["teacher_label_accuracy_high"] - metrics["teacher_label_accuracy_low"]
    assert width > 1.5 * (seen[1][1] - seen[1][0])


def test_a_prompt_that_shows_the_label_has_no_accuracy():
    rows, metrics = parse([example("a")], [completion("a", "Sand is there.")], reply="rationale")
    assert rows[0] == {
        "id": "a", "sample": 0, "rationale": "Sand is there.", "label": None, "status": "ok",
    }  # fmt: skip
    assert metrics.keys() == {"rows", "status"}


def test_a_completion_of_an_unknown_row_is_an_error():
    with pytest.raises(StillhouseError, match=r"'b'.*dvc repro"):
        parse([example("a")], [completion("b", "text")])


def test_the_rows_fit_the_table(tmp_path):
    rows, _ = parse([example("a"), example("b")], [completion("b", "x"), completion("a", "y")])
    PARSED.at(tmp_path / "parsed.parquet").write_rows(rows)
    assert [row["id"] for row in PARSED.at(tmp_path / "parsed.parquet").read_rows()] == ["a", "b"]


@given(
    st.lists(st.text(max_size=60), min_size=1, max_size=4),
    st.sampled_from([*CHOICES, None]),
    st.sampled_from(["rationale_then_label", "label", "rationale"]),
)
def test_gold_never_reaches_a_parsed_row(texts, label, reply):
    completions = [completion(str(i), text) for i, text in enumerate(texts)]
    ids = [row["id"] for row in completions]
    as_gold, _ = parse([example(i, label) for i in ids], completions, reply)
    otherwise, _ = parse([example(i, "beach") for i in ids], completions, reply)
    assert as_gold == otherwise
    assert all(row["rationale"] != "GOLD" or "GOLD" in texts[int(row["id"])] for row in as_gold)
