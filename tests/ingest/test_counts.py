"""What is counted of the rows, and how it is shown."""

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from stillhouse.ingest import counts
from stillhouse.ingest.examples import Looked, build_examples
from stillhouse.ingest.show import print_looked
from tests.ingest.conf import make_conf, raw, texts

EXACT = {"answer": {"metric": "exact"}, "fields": {"choices": []}}


def look(conf, limit=None, **splits):
    return build_examples(conf, {n: raw(*rows) for n, rows in splits.items()}, limit=limit)[1]


def shown(looked, **options):
    console = Console(
        file=io.StringIO(), highlight=False, markup=False, **({"width": 80} | options)
    )
    print_looked(looked, console)
    return console.file.getvalue()


def words(text):
    return " ".join(text.split())


def rows_of(*labels, start=0):
    return [{"text": f"t{start + i}", "label": label} for i, label in enumerate(labels)]


def test_repeats_and_labels_that_differ():
    train = [*rows_of("yes", "no", "yes"), {"text": "T0.", "label": "no"}, *rows_of("yes", start=1)]
    conf = make_conf(
        splits={
            name: {"read": [name], "keep_overlap": name == "test"} for name in ("train", "test")
        }
    )
    looked = look(conf, train=train, test=rows_of("yes", "no", start=2))
    metrics = looked.metrics
    assert metrics["duplicates"] == 2
    assert metrics["duplicates_over_splits"] == 1
    assert metrics["unequal_labels"] == 2
    assert all(len(ids) == 2 for ids in metrics["tables"]["unequal_labels"])
    page = words(shown(looked))
    assert "2 queries have rows whose labels differ: train-" in page
    assert "1 queries of test are among the rows of train." in page


def test_numbers_that_are_equal_are_no_different_labels():
    conf = make_conf(answer={"metric": "number"}, fields={"choices": []})
    rows = [{"text": "a", "label": label} for label in ("5", "5.0", "5.00")]
    assert look(conf, train=rows).metrics["unequal_labels"] == 0
    assert look(conf, train=[*rows, {"text": "A", "label": "6"}]).metrics["unequal_labels"] == 1


def test_labels_by_split():
    looked = look(make_conf(), train=rows_of("yes", "yes", "no"), test=rows_of("no", start=9))
    assert looked.metrics["tables"]["labels"] == [
        {"label": "no", "train": 1, "test": 1},
        {"label": "yes", "train": 2, "test": 0},
    ]
    assert looked.metrics["tables"]["label_lengths"] == []
    assert "yes 2 66.7% 0 0.0%" in words(shown(looked))


def test_a_choice_that_no_training_row_has_is_said():
    looked = look(make_conf(), train=rows_of("yes", "yes"))
    assert {"label": "no", "train": 0} in looked.metrics["tables"]["labels"]
    page = shown(looked)
    assert "warning: no row of train has the label 'no'." in page
    assert "warning: all rows of train have the label 'yes'." in page


def test_many_classes_are_counted_up_to_a_number():
    names = [f"class {i:02d}" for i in range(30)]
    labels = [name for i, name in enumerate(names) for _ in range(10 + i)]
    lines = look(make_conf(**EXACT), train=rows_of(*labels)).metrics["tables"]["labels"]
    assert len(lines) == counts.MOST_LABELS + 1
    assert lines[0] == {"label": "class 29", "train": 39}
    assert lines[-1] == {"other": 10, "train": sum(range(10, 20))}
    assert sum(line["train"] for line in lines) == len(labels)


@pytest.mark.parametrize("kind", ["texts", "numbers", "choices"])
def test_labels_that_are_no_classes_have_lengths_instead(kind):
    labels = [str(i % 50) for i in range(500)] if kind == "numbers" else list(map(str, range(99)))
    conf = {
        "texts": make_conf(**EXACT),
        "numbers": make_conf(answer={"metric": "number"}, fields={"choices": []}),
        "choices": make_conf(fields={"choices": "[label, 'other']"}),
    }[kind]
    looked = look(conf, train=rows_of(*labels))
    assert looked.metrics["tables"]["labels"] == []
    (line,) = looked.metrics["tables"]["label_lengths"]
    assert line == {"split": "train", "least": 1, "median": 2, "p95": 2, "most": 2}
    assert "Characters of the labels" in shown(looked)
    assert looked.metrics["near_labels"] == 0


def test_labels_that_differ_by_case_or_blanks_are_said_and_never_merged():
    labels = ["good", "good ", "Good", "very  bad", "very bad", "\uff22ad", "bad", "fine"]
    looked = look(make_conf(**EXACT), train=rows_of(*labels))
    assert looked.metrics["near_labels"] == 3
    assert looked.metrics["tables"]["labels"][0] == {"label": "good", "train": 2}
    assert len(looked.metrics["tables"]["labels"]) == 7
    assert "'Good' and 'good'" in words(shown(looked))


def test_the_cut_of_limit_and_rows_is_shown():
    splits = {"train": {"read": ["a"]}, "test": {"read": ["b"], "rows": 5}}
    looked = look(make_conf(splits=splits), 10, train=texts(3000), test=texts(9, first=5000))
    assert looked.metrics["rows"] == {"train": 10, "test": 5}
    page = words(shown(looked))
    assert "train 10 of 3,000" in page
    assert "test 5 of 9" in page


def test_a_limit_hides_no_mistake_and_changes_few_numbers():
    rows = [*texts(40), {"text": "Text 7?", "label": "maybe"}, {"text": "x", "label": "No"}]
    found = [look(make_conf(**EXACT), limit, train=rows).metrics for limit in (2, 7, None)]
    assert [metrics["rows"]["train"] for metrics in found] == [2, 7, 42]
    for metrics in found:
        assert (metrics["duplicates"], metrics["unequal_labels"], metrics["near_labels"]) == (
            1,
            1,
            1,
        )
    cut = [metrics | {"rows": 0, "tables": {}} for metrics in found]
    assert cut[0] == cut[1] == cut[2]


def test_what_is_rejected_and_empty_is_shown_with_a_place():
    reject = [{"when": "text == 'text 1'", "reason": "bad row"}, {"when": "false", "reason": "no"}]
    rows = [*texts(2), *[{"text": " ", "label": "yes"}] * 2]
    page = words(shown(look(make_conf(reject=reject), train=rows)))
    assert "Rejected: 1 of 4, bad row, the first at train.jsonl:2." in page
    assert "Rejected: 0 of 4, no." in page
    assert "Rejected: 2 of 4, empty `text`, the first at train.jsonl:3." in page
    assert "`fields.optional`" in page
    assert "Empty cells that templates read: text 2." in page
    assert "warning: more than half of the rows are rejected: 3 of 4." in page
    assert "warning: more" not in shown(look(make_conf(), train=texts(4)))


@given(st.lists(st.text(max_size=9), min_size=1, max_size=60))
def test_lengths_are_those_of_rows(texts):
    found = counts.lengths(texts)
    sizes = sorted(map(len, texts))
    assert set(found.values()) <= set(sizes)
    assert list(found.values()) == sorted(found.values())
    assert (found["least"], found["most"]) == (sizes[0], sizes[-1])
    for name, share in (("median", 0.5), ("p95", 0.95)):
        within = sum(size <= found[name] for size in sizes)
        assert within >= share * len(sizes)
        assert sum(size < found[name] for size in sizes) < share * len(sizes)


SCRIPTS = {
    "Latin": "aZé\xdf\uff21\ufb01\U0001d400",
    "Cyrillic": "Жя",
    "Greek": "Ωµ",
    "Han": "中文\uf900",
    "Hiragana": "あ",
    "Katakana": "ア\uff71",
    "Hangul": "한",
    "Arabic": "ع\ufefb",
    "Hebrew": "ש",
    "Devanagari": "न",
    "Thai": "ก",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_letter_has_its_script(script):
    for letter in SCRIPTS[script]:
        assert counts.scripts([letter]) == [{"script": script, "share": 1.0}], letter


@given(st.text())
def test_shares_of_scripts_are_of_letters_alone(text):
    found = counts.scripts([text])
    assert bool(found) == any(unicodedata.category(sign)[0] == "L" for sign in text)
    assert len(found) <= counts.MOST_SCRIPTS + 1
    assert not found or abs(sum(line["share"] for line in found) - 1) < 0.001


def test_scripts_are_shown_by_share():
    rows = [{"text": text, "label": "yes"} for text in ("abc " * 33, "я", "😀 1!")]
    assert "letters: Latin 99.00%, Cyrillic 1.00%." in shown(look(make_conf(), train=rows))


def test_what_dvc_compares_is_few_numbers():
    """Lists are passed over by `dvc metrics diff` and by the summary."""
    from dvc.repo.metrics.show import _extract_metrics

    labels = [f"class {i % 40}" for i in range(400)]
    metrics = look(make_conf(**EXACT), train=rows_of(*labels)).metrics
    compared = _extract_metrics(json.loads(json.dumps(metrics)), "ingest.json")
    assert "tables" not in compared
    assert set(compared) == {
        *("rows", "read", "unlimited"),
        *("duplicates", "duplicates_over_splits", "near_labels", "unequal_labels"),
    }
    assert all(isinstance(table, list) for table in metrics["tables"].values())


def test_a_label_steers_no_terminal_and_is_cut():
    looked = look(make_conf(**EXACT), train=rows_of("\x1b[31mred [bold]", "a" * 500))
    page = shown(looked, force_terminal=True, width=80)
    assert "\x1b[31mred" not in page
    assert "\\x1b[31mred [bold]" in page
    assert "a" * 41 not in page
    assert max(map(len, shown(looked).splitlines())) <= 80


def test_without_a_terminal_it_is_plain_text(capsys):
    looked = look(make_conf(), train=texts(4))
    assert isinstance(looked, Looked)
    print_looked(looked)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.startswith("Rows, and the characters of their queries")
