"""Local teachers: `transformers` against a naive loop, and vLLM where it is installed.

Run it with `PYTHONPATH=src:. python bench/bench_backends.py`; in the environment of
`make test-vllm` it also measures the stage against the bare engine, and the prompts' layouts.
The prompts are real: rows of the default dataset with exemplars of its own, SmolLM2-135M completes
them.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from bench.record import record

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.config.whole import load_entry
from stillhouse.core.messages import Message, as_text
from stillhouse.core.sampling import shuffled
from stillhouse.core.tables import PROMPTS
from stillhouse.core.text import cut
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.raw import read_splits
from stillhouse.prompt.render import render_prompts
from stillhouse.sources.model_folder import model_folder
from stillhouse.store.completion import Completion
from stillhouse.store.store import Store
from stillhouse.teacher_generate import asking
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.protocol import Request
from stillhouse.teacher_generate.registry import open_teacher

ROWS = int(os.environ.get("BENCH_ROWS", "64"))
K = 4
NAIVE_BATCH = 8
REPEATS = 2


def prompts_table(prompt: str) -> pa.Table:
    """The prompts of ROWS rows, with K exemplars each."""
    dataset = load_entry(DatasetConf, "social_iqa")
    examples, _metrics = build_examples(dataset, read_splits(dataset), limit=4 * ROWS)
    train = [row for row in examples if row["split"] == "train"]
    asked = shuffled([row["id"] for row in train], "bench")[:ROWS]
    exemplars = [
        {"id": id_, "rank": rank, "exemplar_id": other, "distance": None}
        for id_ in (row["id"] for row in train)
        for rank, other in enumerate(
            [other for other in shuffled([row["id"] for row in train], id_) if other != id_][:K]
        )
    ]
    conf = load_entry(PromptConf, prompt)
    rendered = render_prompts(conf, dataset.task, dataset.answer, examples, exemplars)
    rows = [row for row in rendered if row["id"] in set(asked)]
    return pa.Table.from_pylist(rows, schema=PROMPTS.schema)


def requests(table: pa.Table) -> list[Request]:
    """The same prompts as requests, in an order that has nothing to do with their length."""
    rows = {row["id"]: row["messages"] for row in table.to_pylist()}
    return [
        Request(id_, 0, tuple(Message(**turn) for turn in rows[id_]))
        for id_ in shuffled(rows, "order")
    ]


def teacher(**compute: Any) -> TeacherConf:
    """The default teacher with another way to compute."""
    conf = load_entry(TeacherConf, "smollm2_135m")
    values = conf.model_dump() | {"compute": compute, "context": 2048}
    return TeacherConf.model_validate(values)


def complete_all(opened: Any, asked: Iterable[Request]) -> dict[str, Completion]:
    return {a.request.id: a.result for batch in opened.generate(iter(asked)) for a in batch}


def naive(
    conf: TeacherConf, asked: Sequence[Request], *, stop: bool
) -> tuple[float, dict[str, str]]:
    """Seconds and texts of a first attempt: unsorted batches of eight through `generate()`.

    It computes in the type that `dtype: auto` picks, so that both sides multiply alike.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from stillhouse.teacher_generate.backends.transformers import fastest_dtype

    folder = model_folder(conf.model.source, conf.model.mirror)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", trust_remote_code=False)
    tokenizer.pad_token = tokenizer.eos_token
    dtype = fastest_dtype("cpu")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, trust_remote_code=False)
    model.eval()
    options: dict[str, Any] = {"max_new_tokens": conf.decoding.max_tokens, "do_sample": False}
    if stop:
        options |= {"stop_strings": list(conf.decoding.stop), "tokenizer": tokenizer}
    texts = {}
    started = time.perf_counter()
    for start in range(0, len(asked), NAIVE_BATCH):
        batch = asked[start : start + NAIVE_BATCH]
        prompts = [as_text(request.messages) for request in batch]
        encoded = tokenizer(prompts, return_tensors="pt", padding=True)
        with torch.no_grad():
            written = model.generate(**encoded, pad_token_id=tokenizer.eos_token_id, **options)
        own = written[:, encoded.input_ids.shape[1] :]
        decoded = tokenizer.batch_decode(own, skip_special_tokens=True)
        for request, text in zip(batch, decoded, strict=True):
            texts[request.id] = cut(text, conf.decoding.stop)[0]
    return time.perf_counter() - started, texts


def transformers_vs_naive() -> None:
    """Rows a second, with the naive loop stopping at stop strings too, and without."""
    conf, asked = teacher(backend="transformers"), requests(prompts_table("rationalize"))
    opened = open_teacher(conf)
    complete_all(opened, asked[:4])
    started = time.perf_counter()
    ours = complete_all(opened, asked)
    rate = len(asked) / (time.perf_counter() - started)
    opened.close()
    spent, texts = naive(conf, asked, stop=True)
    record("transformers_vs_naive", rate, "rows/s", baseline=len(asked) / spent)
    equal = sum(ours[id_].text == text for id_, text in texts.items())
    print(f"  {equal} of {len(asked)} completions are those of the naive loop")
    spent, _texts = naive(conf, asked, stop=False)
    record("transformers_vs_naive_without_stop", rate, "rows/s", baseline=len(asked) / spent)


class Kept:
    """An opened teacher that outlives the run, so that start-up is not measured."""

    def __init__(self, opened: Any) -> None:
        self.prompt_tokens, self.generate = opened.prompt_tokens, opened.generate

    def close(self) -> None:
        """Stay open."""


def stage(conf: TeacherConf, opened: Any, table: pa.Table) -> int:
    """One run of teacher_generate into an empty store; returns the tokens written."""
    asking.open_teacher = lambda _conf: Kept(opened)  # type: ignore[assignment]
    with TemporaryDirectory() as folder:
        made = generate(table, conf, Store(Path(folder)))
    return int(made.metrics["completion_tokens"])


def bare(opened: Any, conf: TeacherConf, asked: Sequence[Request]) -> int:
    """The engine's own batch call on the same prompts in the same order."""
    from vllm import SamplingParams

    from stillhouse.teacher_generate.backends.engine import sampling_options

    rows, _failures = opened._encoder.in_order(asked)
    params = SamplingParams(**sampling_options(conf.decoding, None))
    outputs = opened.llm.generate(
        [{"prompt_token_ids": row.tokens} for row in rows], params, use_tqdm=False
    )
    return sum(len(output.outputs[0].token_ids) for output in outputs)


def measured(opened: Any, work: Callable[[], int]) -> tuple[float, int]:
    """Seconds and tokens of a run with a cold prefix cache."""
    opened.llm.reset_prefix_cache()
    started = time.perf_counter()
    tokens = work()
    return time.perf_counter() - started, tokens


def counters(opened: Any) -> tuple[float, float]:
    """Prompt tokens looked up in the prefix cache so far, and found there."""
    values = {metric.name: getattr(metric, "value", 0) for metric in opened.llm.get_metrics()}
    return values["vllm:prefix_cache_queries"], values["vllm:prefix_cache_hits"]


def layout(opened: Any, prompt: str) -> tuple[float, float]:
    """Seconds for a prompt's rows, and the prefix cache's hit rate."""
    asked = requests(prompts_table(prompt))
    queries, hits = counters(opened)
    spent = min(
        measured(opened, lambda: len(complete_all(opened, asked)))[0] for _ in range(REPEATS)
    )
    more_queries, more_hits = counters(opened)
    return spent, (more_hits - hits) / (more_queries - queries)


def vllm_figures() -> None:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    engine = {"enforce_eager": True, "disable_log_stats": False}
    conf = teacher(backend="vllm", engine=engine)
    opened = open_teacher(conf)
    table = prompts_table("clean")
    asked = requests(table)
    bare(opened, conf, asked[:8])
    stage_rate = bare_rate = 0.0
    for _ in range(REPEATS):
        spent, tokens = measured(opened, lambda: bare(opened, conf, asked))
        bare_rate = max(bare_rate, tokens / spent)
        spent, tokens = measured(opened, lambda: stage(conf, opened, table))
        stage_rate = max(stage_rate, tokens / spent)
    record("vllm_stage_share", stage_rate, "tokens/s", baseline=bare_rate)
    published, published_hits = layout(opened, "rag_published")
    clean, clean_hits = layout(opened, "clean")
    record("prefix_layout_speedup", ROWS / clean, "rows/s", baseline=ROWS / published)
    print(f"  prefix cache hits: rag_published {published_hits:.0%}, clean {clean_hits:.0%}")
    opened.close()


if __name__ == "__main__":
    if find_spec("vllm"):
        vllm_figures()
    else:
        transformers_vs_naive()
        print("vllm_stage_share and prefix_layout_speedup need vLLM: see `make test-vllm`")
