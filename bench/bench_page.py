"""How large a page is, how long it takes to write, and how fast a browser opens and searches it.

Run it with `PYTHONPATH=src:. python bench/bench_page.py`: two minutes. Rows have what real ones
have: a prompt with four exemplars, a completion with a rationale, the answers of five models.
Without a browser the page is written alone.
"""

import random
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.record import record
from tests.page.browser import EXECUTABLE, Browser
from tests.page.runs import example, run

from stillhouse.page.document import document
from stillhouse.page.html import html
from stillhouse.page.run import Run
from stillhouse.report.joined import Tables

SIZES = (1_000, 5_000, 50_000)
WORDS = [
    "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=3 + n % 7))
    for n in range(8_000)
]
EXEMPLARS = 4
MODELS = ("untrained", "seed=0", "logistic_tfidf", "nearest_neighbour", "teacher:few_shot")


def text(chance: random.Random, words: int) -> str:
    """Words as often as words of a language are: the n-th with a weight of 1 / n."""
    return " ".join(
        WORDS[min(int(chance.paretovariate(0.9)) - 1, len(WORDS) - 1)] for _ in range(words)
    )


def tables(rows: int) -> Tables:
    """So many rows, a tenth of them for testing."""
    chance = random.Random(0)
    test = rows // 10
    examples = [
        example(f"{n:08x}", "test" if n < test else "train", "red", text(chance, 30))
        for n in range(rows)
    ]
    exemplars, prompts, completions, parsed, training = [], [], [], [], []
    for row in examples[test:]:
        chosen = [examples[chance.randrange(test, rows)] for _ in range(EXEMPLARS)]
        shown = "\n\n".join(f"Q: {each['query']}\nA: {each['label']}" for each in chosen)
        content = f"Say which colour.\n\n{shown}\n\nQ: {row['query']}\nA:"
        exemplars += [
            {"id": row["id"], "rank": n, "exemplar_id": each["id"], "distance": chance.random()}
            for n, each in enumerate(chosen)
        ]
        prompts.append({"id": row["id"], "messages": [{"role": "user", "content": content}]})
        why = text(chance, 40)
        completions.append(
            {"id": row["id"], "sample": 0, "text": f"{why}. The answer is (a).", "reasoning": None,
             "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1}
        )  # fmt: skip
        parsed.append(
            {"id": row["id"], "sample": 0, "rationale": why, "label": "red", "status": "ok"}
        )
        training.append(
            {"id": row["id"], "query": row["query"], "label": "red", "rationale": why,
             "origin": "real"}
        )  # fmt: skip
    predicted: dict[str, Any] = {
        model: [
            {"id": row["id"], "prediction": "red", "normalised": None,
             "score": float(chance.random() < 0.7)}
            for row in examples[:test]
        ]
        for model in MODELS
    }  # fmt: skip
    return Tables(
        examples, exemplars, prompts, completions, parsed, training, predictions=predicted
    )


def measure(one: Run, rows: int, browser: Browser | None, folder: Path) -> None:
    large = replace(one, tables=tables(rows))
    start = time.perf_counter()
    page = html(document(large))
    record(f"page_{rows}_write_s", round(time.perf_counter() - start, 2), "s")
    record(f"page_{rows}_mb", round(len(page.encode()) / 1e6, 2), "MB")
    path = folder / f"{rows}.html"
    path.write_text(page, encoding="utf-8")
    if browser is None:
        return
    start = time.perf_counter()
    browser.open(path, "#rows")
    record(f"page_{rows}_open_s", round(time.perf_counter() - start, 2), "s")
    field = "const f = document.getElementById('search'); f.value = 'answer red'"
    start = time.perf_counter()
    browser.run(f"(() => {{ {field}; f.dispatchEvent(new Event('input')); }})()")
    record(f"page_{rows}_search_s", round(time.perf_counter() - start, 2), "s")


def main() -> None:
    one = run()
    with TemporaryDirectory() as folder:
        if EXECUTABLE is None:
            for rows in SIZES:
                measure(one, rows, None, Path(folder))
            return
        with Browser(Path(folder) / "profile") as browser:
            for rows in SIZES:
                measure(one, rows, browser, Path(folder))


if __name__ == "__main__":
    main()
