"""Whatever is written into a configuration: it is fine, or one message says what to mend."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from stillhouse.config.contradictions import Chosen, contradictions
from stillhouse.config.knobs import Knobs
from stillhouse.config.whole import GROUPS, Entries, check_all, checked_values, load_all
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import dump_yaml, read_yaml
from tests.config.mutations import at, changed, distinct_places, mistakes, places, shipped
from tests.config.project import ENTRIES, write_project
from tests.conftest import REPOSITORY

JARGON = re.compile(
    r"function-|valid (tuple|dictionary|string|integer)|Input should|validation error|Value error|"
    r"type=|pydantic|Extra inputs|Traceback|constrained|\bNoneType\b|\bstr\b"
)
RECORDED = {"outputs": ["out.json"], "id": "{{ _row }}"}
VALIDATED = {"epochs": 1, "metric": "loss", "patience": 2}


class Checked:
    """The shipped configuration, in which one file at a time is another."""

    def __init__(self) -> None:
        self.files = shipped()
        self.knobs, self.chosen = load_all(REPOSITORY)
        self.entries = Entries(REPOSITORY)

    def problems(self, file: str, values: dict[str, Any]) -> list[str]:
        """What `stillhouse check` says when `file` holds these values and is chosen."""
        problems: list[str] = []
        group, name = Path(file).parent.name, Path(file).stem
        if not group:
            knobs = checked_values(file, values, Knobs, problems)
            named = {group: getattr(knobs, group, None) for group in GROUPS}
            read = {g: self.entries.known(g, n) for g, n in named.items()}
            problems += [f"{g} {n!r} does not exist" for g, n in named.items() if n and not read[g]]
            chosen = {g: entry for g, entry in read.items() if entry}
        else:
            conf = checked_values(file, values, GROUPS[group], problems)
            knobs = self.knobs.model_copy(update={group: name})
            chosen = self.chosen | ({group: conf} if conf else {})
        return problems + contradictions(Chosen(REPOSITORY, knobs, chosen))


@pytest.fixture(scope="module")
def check() -> Checked:
    return Checked()


@pytest.mark.parametrize("group", [*GROUPS, ""])
def test_any_value_anywhere_is_fine_or_one_plain_message(check, group):
    tried = 0
    for file, place in distinct_places():
        if Path(file).parent.name != group:
            continue
        for name, values in mistakes(check.files[file], place):
            tried += 1
            for problem in check.problems(file, values):
                assert "\n" not in problem, (place, name)
                assert "\x1b" not in problem, (place, name)
                assert not JARGON.search(problem), (place, name, problem)
                assert len(problem) < 2000, (place, name)
    assert tried > 50


SCALARS = (True, -1, 10**17, -0.5, 1e308, float("nan"), "", " ", "\u200b", [], {"nonsense": 1})
SERVED = {"backend": "openai", "base_url": "http://host:8000/v1", "retries": 1, "timeout_s": 1.0}
ALL_KEYS = [
    (
        "teacher/small",
        {
            "model": {"mirror": "x", "recorded": [RECORDED | {"field": "a", "rows": "r.jsonl"}]},
            "decoding": {"temperature": 0.5, "top_p": 0.9, "samples": 2, "seed": 1, "extra": {}},
            "compute": {"budget": {"tokens": 10**6}, "device": "cpu", "batch_tokens": 9},
        },
    ),
    ("teacher/small", {"compute": SERVED | {"finish_reasons": {"done": "stop"}}}),
    ("teacher/small", {"compute": {"backend": "ray", "workers": 1, "engine": {"max_num_seqs": 2}}}),
    ("judge/pair", {"compute": SERVED}),
    (
        "student/small",
        {"training": {"validation": VALIDATED}, "compute": {"launcher": "torchrun"}},
    ),
    (
        "dataset/own",
        {"fields": {"id": "{{ a }}", "meta": {"a": "{{ a }}"}, "choices": ["a", "b"]}},
    ),
    ("augment/few", {"verify": {"samples": 1, "temperature": 0.7, "agreement": 0.5}}),
]


def merged(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    found = deepcopy(values)
    for key, value in more.items():
        inner = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if inner else value
    return found


@pytest.mark.parametrize(("entry", "more"), ALL_KEYS)
def test_keys_that_no_shipped_entry_writes_are_checked_as_well(check, entry, more):
    whole = merged(ENTRIES[entry], more)
    file = f"conf/{entry}.yaml"
    for place in places(whole):
        for value in SCALARS:
            problems = check.problems(file, changed(whole, place, value))
            assert not [p for p in problems if JARGON.search(p) or "\n" in p], (place, value)
            if isinstance(value, float) and place[0] != "description":
                finite = value in (-0.5, 1e308) and isinstance(at(whole, place), int | float)
                assert finite or problems, (place, value)


REFUSED: dict[str, list[tuple[str, Any]]] = {
    "params.yaml": [
        ("dataset", "nope"), ("dataset", "оwn"), ("dataset", "OWN"), ("dataset", "../own"),
        ("dataset", ""), ("dataset", None), ("teacher", 7), ("k", -1), ("k", True), ("k", "2"),
        ("k", 2.0), ("k", 1e30), ("k", [2]), ("k", 10**9), ("limit", 0), ("limit", -5),
        ("limit", "all"), ("limit", 2), ("exemplars", "tорk"), ("exemplars", "TOPK"),
        ("exemplars", "human"), ("exemplars", None), ("exemplar_seed", -1),
        ("exemplar_seed", 2**32), ("fraction", 0), ("fraction", 1.5), ("fraction", float("nan")),
        ("fraction", "half"), ("fraction", 1e-300), ("label_source", "Gold"), ("label_filter", "x"),
        ("rationale_source", "none"), ("rationale_source", "gold"), ("rationale_filter", True),
        ("feedback", "hard"), ("feedback", "mixed"), ("feedback", "wrong"), ("feedback", False),
        ("feedback_student", 0), ("feedback_student", "trained"), ("feedback_student", 2),
        ("tau", -1), ("tau", float("inf")), ("tau", float("nan")), ("hard_at_tau", 1),
        ("hard_at_tau", "yes"), ("hard_share", 1.1), ("hard_share", -0.1), ("real", False),
        ("real", "true"), ("real", 1), ("synthetic", -1), ("synthetic", 1.5),
        ("synthetic", 10**17), ("lambda", -1), ("lambda", float("inf")), ("lambda", 1e308),
        ("lambda", "1"), ("seeds", [-1]), ("seeds", [2**32]), ("seeds", [0, 0]), ("seeds", []),
        ("seeds", 0), ("seeds", [0.0]), ("seeds", [True]), ("seeds", ["0"]), ("lamda", 1),
        ("lambda_", 1),
    ],
    "dataset/own": [
        ("source", "hf://org/rows"), ("source", "hf://org/rows@main"), ("source", "rows.csv"),
        ("source", "pypi://rows==1.0"), ("source", "s3://rows"), ("source", ""), ("task", "qa"),
        ("splits", {}), ("splits", {"tset": {"read": ["a"]}, "train": {"read": ["a"]}}),
        ("splits.test", {"hold_out_from": "trian", "share": 0.1}),
        ("splits.test", {"hold_out_from": "test", "share": 0.1}),
        ("splits.test", {"hold_out_from": "train", "share": 1.0}),
        ("splits.test", {"hold_out_from": "train"}), ("splits.train.read", []),
        ("splits.train.read", [""]), ("splits.train.rows", 0), ("splits.train.raed", ["a"]),
        ("splits.train.rows", 2), ("fields.query", ""), ("fields.query", "{{ text"),
        ("fields.query", "no column"), ("fields.query", "{{ text | nofilter }}"),
        ("fields.label", "  "), ("fields.choices", "a b"), ("fields.choices", ["", "x"]),
        ("fields.choices", ["x", "x"]), ("fields.choices", [1, 2]), ("fields.qurey", "{{ x }}"),
        ("answer.markers", []), ("answer.markers", [""]), ("answer.markers", [" \t"]),
        ("answer.markers", ["\u200b"]), ("answer.markers", "Answer:"), ("answer.cut", [""]),
        ("answer.cut", ["  "]), ("answer.metric", "choice"), ("answer.metric", "Exact"),
        ("answer.metrik", "exact"), ("reject", [{"when": "a b", "reason": "x"}]),
        ("reject", [{"when": "a", "reason": ""}]), ("human_exemplars", "conf/exemplars/x.jsonl"),
        ("exclude_same_group", "no"), ("licence", ""), ("description", None),
    ],
    "embedder/small": [
        ("kind", "mean"), ("source", "hf://org/bert"), ("max_tokens", 0), ("max_tokens", 1),
        ("max_tokens", 10**12), ("normalise", "yes"), ("normalise", 1),
        ("compute", {"device": "gpu"}), ("compute", {"batch_size": 3}),
    ],
    "prompt/plain": [
        ("layout", "chat"), ("reply", "labels"), ("reply", {"content": "label", "form": "xml"}),
        ("reply", "label"), ("splits", ["train", "dev"]), ("splits", ["unlabelled"]), ("tasks", {}),
        ("tasks.nli_", {"query": "{{ query }}"}), ("tasks.classification.query", ""),
        ("tasks.classification.query", "no question"),
        ("tasks.classification.query", "{{ query }} {{ label }}"),
        ("tasks.classification.system", "{{ qery }}"), ("tasks.classification.sytem", "x"),
        ("tasks.classification.exemplar_query", "{{ query }}"), ("separator", 1),
    ],
    "teacher/small": [
        ("model.source", "file:models/decoder"), ("model.source", "hf://org/m@main"),
        ("model.source", "hf://org/m@main#unpinned"), ("model.source", "api://x/y"),
        ("model.source", ""), ("model.name", " "), ("model.recorded", [RECORDED]),
        ("format", "Chat"), ("context", 0), ("context", 16), ("context", 10**12),
        ("decoding.max_tokens", 0), ("decoding.max_tokens", 1), ("decoding.temperature", -1),
        ("decoding.temperature", float("nan")), ("decoding.top_p", 0), ("decoding.top_p", 1.1),
        ("decoding.stop", [""]), ("decoding.stop", ["  "]), ("decoding.stop", "x"),
        ("decoding.samples", 2), ("decoding.samples", 0), ("decoding.seed", -1),
        ("decoding.max_token", 5), ("compute.backend", "openai"), ("compute.backend", "recorded"),
        ("compute.backend", "transformer"), ("compute.budget", {}),
        ("compute.budget", {"money": 1.0}), ("compute.budget", {"tokens": 10}),
        ("compute.budget", {"tokens": -1}), ("compute.allow_failures", 1),
        ("compute.allow_failures", -0.1), ("compute.device", "gpu"), ("compute.dtype", "half"),
        ("compute.retries", 1), ("compute.workers", 1), ("compute.engine", {}),
        ("compute.batch_token", 1), ("compute.requests_per_minut", 1),
        ("compute", SERVED | {"retries": -1}), ("compute", SERVED | {"timeout_s": 0}),
        ("compute", SERVED | {"timeout_s": float("inf")}),
        ("compute", SERVED | {"max_in_flight": 0}), ("compute", SERVED | {"device": "auto"}),
        ("compute", {"backend": "ray", "device": "cuda:1"}),
        ("compute", {"backend": "vllm", "device": "auto"}), ("compute", {}), ("compute", None),
        ("compute", {"backend": ["vllm"]}), ("compute", "vllm"),
        ("price", {"prompt": -1}), ("price", {"prompt": 1e300}),
        ("price", {"currency": ""}), ("price", {"promt": 1}),
    ],
    "student/small": [
        ("model.family", "encoder"), ("model.source", None), ("model.source", "hf://org/m"),
        ("model.tokenizer", "x"), ("model.architecture", {"model_type": "llama"}),
        ("training.method", "lora"), ("training.method", "Full"),
        ("training.lora", {"rank": 4, "alpha": 4}), ("templates.query", "{{ prefix }}"),
        ("templates.query", "{{ qery }} {{ query }}"), ("templates.query", ""),
        ("templates.target", "fixed"), ("templates.target", "{{ target | nofilter }}"),
        ("templates.label_prefix", "[rationale]"), ("templates.prefix", "x"),
        ("training.epochs", 0), ("training.epochs", float("inf")), ("training.steps", 5),
        ("training.batch_size", 0), ("training.batch_size", 1.5), ("training.learning_rate", 0),
        ("training.learning_rate", 1e5), ("training.learning_rate", "1e-4"),
        ("model.max_query_tokens", 1), ("model.max_target_tokens", 1),
        ("training.precision", "float16"), ("training.schedule", "cosin"),
        ("training.validation", {"steps": 5}), ("training.validation", {}),
        ("training.learning_rat", 1), ("decoding.max_tokens", 0), ("decoding.stop", [""]),
        ("decoding.decode", "choices"), ("decoding.decode", "beam"),
        ("compute", {"device": "gpu"}), ("compute", {"launcher": "a 'b"}),
        ("compute", {"launcher": ""}), ("compute", {"checkpoint_minutes": -1}),
        ("compute", {"eval_batch_size": 0}),
    ],
    "judge/pair": [
        ("form", "pair"), ("prompt", ""), ("prompt", "{{ query }}"), ("prompt", "{{ answer }}"),
        ("markers", ["First:"]), ("markers", ["A:", "A:"]), ("markers", ["", " "]), ("scale", [1]),
        ("scale", [1, 2, 3]), ("scale", [10, 1]), ("scale", [1, 1]), ("scale", [0, float("inf")]),
        ("words", {"good": 11}), ("words", {"good": 5, "bad": 5}), ("words", {"": 1}),
        ("teacher", {"model": {"name": "m", "source": "api://x/m"}, "format": "chat"}),
        ("decoding.max_tokens", 1), ("decoding.samples", 2), ("decoding.stop", [" "]),
    ],
    "augment/few": [
        ("prompts.hard.prompt", ""), ("prompts.hard.prompt", "no seed"),
        ("prompts.hard.prompt", "{{ query }} {{ label }}"), ("prompts.esay", {"prompt": "x"}),
        ("decoding.samples", 2), ("decoding.temperature", 0), ("decoding.max_tokens", 1),
        ("queries_per_seed", 0), ("rounds", 0), ("rounds", 10**9), ("filters.min_words", 61),
        ("filters.rouge_l", 1), ("filters.rouge_l", 0), ("filters.ngram", 0),
        ("filters.forbidden", [""]), ("verify.samples", 0), ("verify.agreement", 1.5),
        ("verify.min_score", float("nan")), ("verify.temprature", 1),
    ],
}  # fmt: skip
"""By file of a small project, a key and a value that must be refused where it stands."""


@pytest.mark.parametrize("name", REFUSED)
def test_these_are_refused_by_file_and_key(tmp_path, name):
    root = write_project(tmp_path)
    file = root / (name if name == "params.yaml" else f"conf/{name}.yaml")
    check_all(root)
    before = file.read_text()
    for key, value in REFUSED[name]:
        values = read_yaml(file)
        *parents, last = key.split(".")
        inner = values
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
        file.write_text(dump_yaml(values))
        with pytest.raises(StillhouseError) as error:
            check_all(root)
            pytest.fail(f"{name}: `{key}: {value!r}` was accepted")
        said = str(error.value)
        assert last in said or Path(name).name in said, (key, value, said)
        assert not JARGON.search(said), (key, value, said)
        with pytest.raises(StillhouseError):
            load_all(root)  # as every stage does first
        file.write_text(before)


def knobs(**changes: Any) -> dict[str, Any]:
    return {"params.yaml": changes}


REPLY = {"reply": "rationale"}
PAIRWISE = {"feedback": "hard", "synthetic": 5}
MONEY = {"backend": "openai", "base_url": "http://x/v1", "budget": {"money": 1e-9}}
OWN = {"model": {"name": "m", "source": "api://x/m@1"}, "format": "chat", "context": 900}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (knobs(rationale_source="none"), "`lambda` is 1, but `rationale_source: none`"),
        (knobs(real=False), "nothing to train on"),
        (knobs(feedback="hard"), "`synthetic` is 0, so none are made"),
        (knobs(label_source="teacher") | {"prompt/plain": REPLY}, "needs the teacher's labels"),
        (knobs(label_filter="correct") | {"prompt/plain": REPLY}, "needs the teacher's labels"),
        (knobs(synthetic=5) | {"prompt/plain": REPLY}, "needs a label for each new query"),
        ({"prompt/plain": {"reply": "label"}}, "asks for no rationale"),
        (knobs(rationale_source="gold"), "has no `fields.rationale`"),
        (knobs(limit=100, fraction=0.001), "no row of the 100"),
        (knobs(limit=3, k=3), "`limit` leaves 3 rows"),
        (knobs(exemplars="human"), "has no `human_exemplars`"),
        ({"dataset/own": {"task": "nli"}}, "has no parts for the task"),
        (knobs(**PAIRWISE, tau=9), "no row could be hard"),
        (knobs(**PAIRWISE) | {"judge/pair": {"decoding": {"max_tokens": 600}}}, "no room for a"),
        (
            knobs(**PAIRWISE)
            | {"judge/pair": {"form": "query", "prompt": "{{ query }}", "markers": ["S:"]}},
            "sees queries alone",
        ),
        ({"judge/pair": {"teacher": OWN, "compute": MONEY}}, "needs a `price`"),
        (
            {"judge/pair": {"teacher": OWN, "compute": MONEY, "price": {"completion": 10}}},
            "lets nothing be asked",
        ),
        ({"judge/pair": {"teacher": OWN, "compute": {"backend": "vllm"}}}, "names no weights"),
        (
            {"judge/pair": {"teacher": OWN, "compute": {"backend": "recorded"}}},
            "complete no new prompt",
        ),
        (
            knobs(synthetic=5) | {"augment/few": {"verify": {"min_score": 3}}},
            "needs a judge that scores one answer",
        ),
    ],
)
def test_contradictions_are_found_before_anything_runs(tmp_path, changes, said):
    root = write_project(tmp_path)
    for name, values in changes.items():
        file = root / (name if name == "params.yaml" else f"conf/{name}.yaml")
        file.write_text(dump_yaml(read_yaml(file) | values))
    for load in (load_all, check_all):
        with pytest.raises(StillhouseError, match=said):
            load(root)


@pytest.mark.parametrize(
    "changes",
    [
        {"lambda": 0},
        {"lambda": 0, "rationale_source": "none"},
        {"exemplars": "none"},
        {"k": 0},
        {"synthetic": 5, "real": False},
        {"feedback": "wrong", "synthetic": 5},
        {"seeds": [0, 1, 2**32 - 1]},
        {"feedback_student": 0.5},
        {"lambda": 1, "fraction": 1, "tau": 0},
        {"limit": 400, "fraction": 0.01},
    ],
    ids=str,
)
def test_what_a_study_may_want_is_allowed(tmp_path, changes):
    load_all(write_project(tmp_path, **changes))


def test_mistakes_of_every_depth_are_in_one_message(tmp_path):
    root = write_project(tmp_path, k=-1, dataset="own", real=False)
    dataset = read_yaml(root / "conf/dataset/own.yaml")
    dataset |= {"task": "qa", "splits": {"tset": {"read": ["a"], "raws": 1}}}
    dataset["answer"] = {"metric": "choice", "marker": ["x"]}
    (root / "conf/dataset/own.yaml").write_text(dump_yaml(dataset))
    with pytest.raises(StillhouseError) as error:
        load_all(root)
    said = str(error.value)
    for words in (
        "`k` is -1",
        "nothing to train on",
        "`task` is 'qa'",
        "there is no split 'tset'. Did you mean 'test'",
        "`splits.tset.raws`. Did you mean 'rows'",
        "`answer.marker`. Did you mean 'markers'",
    ):
        assert words in said
