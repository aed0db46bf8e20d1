"""Runs as the stage `report` reads them, small, with texts that try to break a page."""

import base64
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.config.teacher import Price
from stillhouse.page.run import Run
from stillhouse.parse.form import Form
from stillhouse.report.cost import Rates
from stillhouse.report.joined import Tables
from tests.report.results import measured, report, stages

ANSWER = Answer(markers=("The answer is",), metric="choice")
CHOICES = ["red", "blue"]
ODD = {
    "script": "<script>window.broken = true</script></script><!-- <img src=x "
    "onerror='window.broken=true'> --> <![CDATA[ &lt;",
    "ansi": "\x1b[31mred\x1b[0m \x07 bell",
    "rtl": "photo\u202egpj.exe\u202c \u2067מימין\u2069",
    "long": "x" * 1_000_000,
    "quotes": "\"]} ' \\ \u2028 \u2029 \\u003c/script> {{ rows }} 🦊",
}
"""Texts of models, by what is odd of them."""
CURVE = "step,loss,label_loss,rationale_loss,validation\n" + "".join(
    f"{step},{1 / step:.5f},{1 / step:.5f},,{0.5 if step % 50 == 0 else ''}\n"
    for step in range(1, 1001)
)
KNOBS = {"dataset": "colours", "k": 2, "lambda": 1.0, "teacher": "small", "student": "tiny"}
STRUCTURE = re.compile(r'<script type="application/([\w-]+)" id="\w+">(.*?)</script>', re.DOTALL)


def example(id_: str, split: str, label: str | None, query: str = "") -> dict[str, Any]:
    return {
        "id": id_, "split": split, "query": query or f"What colour is {id_}?", "label": label,
        "choices": CHOICES, "gold_rationale": None, "group": None, "meta": None,
    }  # fmt: skip


def tables(test: int = 6, train: int = 4, right: int = 3, others: int = 0) -> Tables:
    """So many rows, of whose test rows the student gets the first ones right.

    The rows `odd-NAME` have the texts of ODD everywhere, and no gold label.
    """
    trained = [example(f"train-{n}", "train", CHOICES[n % 2]) for n in range(train)]
    tested = [
        example(f"test-{n}", "test", "red", f"What colour is test-{n}{'?' * (n % 20 + 1)}")
        for n in range(test)
    ]
    spare = [example(f"spare-{n:05}", "unlabelled", None) for n in range(others)]
    odd = [example(f"odd-{name}", "unlabelled", None, text) for name, text in ODD.items()]
    asked = [*trained, *odd, *spare]
    texts = {row["id"]: f"Because. The answer is ({'ab'[n % 2]})." for n, row in enumerate(asked)}
    texts |= {f"odd-{name}": text for name, text in ODD.items()}
    labels = {row["id"]: CHOICES[n % 2] for n, row in enumerate(trained)}
    labels["train-1"] = "red"  # the teacher is wrong, and says so
    texts["train-1"] = "🦊 The answer is (a).\n\nQ: And this?\nA: It is. The answer is (a)."

    def predicted(number: int) -> list[dict[str, Any]]:
        return [
            {
                "id": row["id"], "prediction": "red" if n < number else "blue", "normalised": None,
                "score": float(n < number),
            }
            for n, row in enumerate(tested)
        ]  # fmt: skip

    return Tables(
        examples=[*tested, *asked],
        exemplars=[
            {"id": row["id"], "rank": rank, "exemplar_id": f"train-{(n + rank + 1) % train}",
             "distance": 0.25 * (rank + 1)}
            for n, row in enumerate(trained) for rank in range(2)
        ],
        prompts=[
            {"id": row["id"], "messages": [
                {"role": "system", "content": "Say which colour.\nBe brief."},
                {"role": "user", "content": f"Q: {row['query']}\nA:"},
            ]}
            for row in asked
        ],
        completions=[
            {"id": id_, "sample": 0, "text": text, "reasoning": "Hm.", "finish_reason": "stop",
             "prompt_tokens": 9, "completion_tokens": 9}
            for id_, text in texts.items()
        ],
        parsed=[
            {"id": id_, "sample": 0, "rationale": "Because." if id_ in labels else None,
             "label": labels.get(id_), "status": "ok" if id_ in labels else "no_marker"}
            for id_ in texts
        ],
        training=[
            {"id": row["id"], "query": row["query"], "label": labels[row["id"]],
             "rationale": "Because.", "origin": "real"}
            for row in trained
        ],
        feedback=[{"id": "train-0", "prediction": "blue"}],
        verdicts=[
            {"id": "train-0", "asked": "student_first", "teacher_score": 7.0, "student_score": 3.0},
            {"id": "train-0", "asked": "teacher_first", "teacher_score": 9.0, "student_score": 2.0},
        ],
        predictions={
            "untrained": predicted(1), "seed=0": predicted(right), "teacher:vanilla": predicted(5),
        },
    )  # fmt: skip


def run(right: int = 3, **rows: int) -> Run:
    """A run over these tables, with the report that the stage would write of it."""
    made = tables(right=right, **rows)
    predictions = made.predictions or {}
    number = len(predictions["seed=0"])
    found = report(
        stages() | {"baseline": {"untrained": measured(1, number)}},
        {0: measured(right, number)},
        [dict(row) for row in made.examples],
        {name: list(predictions[name]) for name in ("untrained", "seed=0")},
        zero_shot=[{"model": "teacher:vanilla", **row} for row in predictions["teacher:vanilla"]],
        answer=ANSWER,
    )
    reply = Reply.model_validate("rationale_then_label")
    price = Price(currency="EUR", prompt=2.0, completion=10.0)
    return Run(
        found=found,
        tables=made,
        curves={0: CURVE},
        form=Form(reply, "multiple_choice", ANSWER),
        knobs=KNOBS,
        inputs=(("Dataset", "colours", "file:data/raw/colours"),),
        rates=Rates({"teacher": price, "student": price}, {}),
        seconds={},
    )


def other_run(one: Run) -> Run:
    """The same with another prompt, other completions of two rows, and a student that gets the
    first test row alone right and the last one.
    """
    prompts = [
        {**row, "messages": [{**turn, "content": turn["content"].replace("brief", "very brief")}
                             for turn in row["messages"]]}
        for row in one.tables.prompts
    ]  # fmt: skip
    completions = [
        {**row, "text": "It is so. The answer is (b)."} if row["id"] == "train-0" else row
        for row in one.tables.completions
    ]
    predictions = dict(one.tables.predictions or {})
    last = len(predictions["seed=0"]) - 1
    predictions["seed=0"] = [
        {**row, "prediction": "red" if n in (0, last) else "blue", "score": float(n in (0, last))}
        for n, row in enumerate(predictions["seed=0"])
    ]
    changed = replace(one.tables, prompts=prompts, completions=completions, predictions=predictions)
    return replace(one, tables=changed, knobs=one.knobs | {"k": 4})


class Tags(HTMLParser):
    """The tags of a page, and how often a script begins."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)


def unpacked(page: str) -> dict[str, Any]:
    """The document that a page holds."""
    parts = dict(STRUCTURE.findall(page))
    packed = zlib.decompress(base64.b64decode(parts["octet-stream"]))
    return {"facts": json.loads(parts["json"]), "rows": json.loads(packed)}


def cell(document: dict[str, Any], id_: str, name: str) -> Any:
    """What a document holds of a row."""
    columns = document["rows"]["columns"]
    return columns[name][columns["id"].index(id_)]
