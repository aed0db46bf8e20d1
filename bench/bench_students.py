"""Students: training against a plain two-pass trainer, and prediction against `generate`.

Run it with `PYTHONPATH=src:. python bench/bench_students.py`. Rows are queries of the default
datasets; their rationales are stand-ins, the text of two other rows. Both sides compute the same
rows in the same precision with the same model, in turns, since the machine may be shared.
"""

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from bench.record import record
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.student import StudentCompute, StudentConf, StudentDecoding
from stillhouse.config.whole import load_entry
from stillhouse.core.sampling import shuffled
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.raw import read_splits
from stillhouse.students.batches import packing, target_logits
from stillhouse.students.folder import Student, greedy
from stillhouse.students.predict import cut, predict_labels
from stillhouse.students.text import StudentText, TokenSequence
from stillhouse.students.weights import load_weights, output_layer
from stillhouse.train_student.checkpoints import Checkpoints
from stillhouse.train_student.loop import Job
from stillhouse.train_student.loop import train as train_job
from stillhouse.train_student.objective import collate, token_losses
from stillhouse.train_student.plan import batch_plan
from stillhouse.train_student.rows import TokenRow, tokenize_rows
from stillhouse.train_student.trainable import add_adapters, freeze_below, prepare

ROWS = 64
REPEATS = 2
BATCH = {"t5": 64, "lora": 16}  # as published for T5, as in the entry for SmolLM2
LAMBDA = 1.0
T5 = {
    "model_type": "t5",
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
    "dropout_rate": 0.0,
    "initializer_factor": 0.05,
}


def table() -> list[dict[str, Any]]:
    """Queries with labels, and with rationales of real words."""
    dataset = load_entry(DatasetConf, "social_iqa")
    examples, _ = build_examples(dataset, read_splits(dataset), limit=600)
    rows = {row["id"]: row for row in examples if row["split"] == "train"}
    ids = shuffled(rows, "bench")
    return [
        {
            "id": id_,
            "query": rows[id_]["query"],
            "label": rows[id_]["label"],
            "rationale": " ".join(
                rows[ids[(place + step) % len(ids)]]["query"].split("\n")[0] for step in (1, 2)
            ),
        }
        for place, id_ in enumerate(ids)
    ]


def student(name: str, precision: str) -> StudentConf:
    """`t5`: random weights, 8 layers of 512; `lora`: SmolLM2-135M with adapters."""
    conf = load_entry(StudentConf, "t5_tiny_random" if name == "t5" else "smollm2_135m_lora")
    model = conf.model.model_dump() | ({"architecture": T5} if name == "t5" else {})
    training = conf.training.model_dump() | {
        "batch_size": BATCH[name],
        "precision": precision,
        "validation": None,
    }
    changed = {"model": model, "training": training, "compute": {"device": "cpu"}}
    values = conf.model_dump() | changed
    return StudentConf.model_validate(values)


@dataclass
class Setting:
    """One student, its rows, and a model for each side."""

    conf: StudentConf
    text: StudentText
    rows: list[TokenRow]
    ours: nn.Module
    plain: "PlainTrainer"


def setting(name: str, precision: str, raw: Sequence[dict[str, Any]]) -> Setting:
    conf = student(name, precision)
    torch.manual_seed(0)
    model, tokenizer = load_weights(conf)
    text = StudentText.of(conf, tokenizer)
    rows, _ = tokenize_rows(raw, text, LAMBDA)
    other = copy.deepcopy(model)
    for module in other.modules():
        # What transformers takes by default, which is what a plain trainer gets.
        if hasattr(module, "set_attn_implementation"):
            module.set_attn_implementation("sdpa")
    torch.manual_seed(1)
    ours = prepare(model, conf)
    torch.manual_seed(1)
    plain = add_adapters(other, conf.training.lora) if conf.training.lora else other
    return Setting(conf, text, rows, ours, PlainTrainer(plain, text, conf))


class PlainTrainer:
    """Hsieh et al. 2023, section 3.2, as one would write it down: each task a padded forward pass
    of its own, with the model's own loss, and their weighted sum."""

    def __init__(self, model: nn.Module, text: StudentText, conf: StudentConf) -> None:
        self.model, self.text, self.conf = model.train(), text, conf
        self.weights = [p for p in model.parameters() if p.requires_grad]

    def train(self, batches: Sequence[Sequence[TokenRow]]) -> list[float]:
        """The loss of each step; AdamW, linear decay and clipping as in the conf."""
        training = self.conf.training
        optimizer = torch.optim.AdamW(
            self.weights, lr=training.learning_rate, weight_decay=training.weight_decay
        )
        warm = round(training.warmup_share * len(batches))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: min(
                step / max(1, warm) if step < warm else 1.0,
                (len(batches) - step) / max(1, len(batches) - warm),
            ),
        )
        losses = []
        for rows in batches:
            low = training.precision == "bfloat16"
            with torch.autocast("cpu", torch.bfloat16, enabled=low):
                label = self._loss([row.label for row in rows])
                rationale = self._loss([row.rationale for row in rows if row.rationale])
            loss = label + LAMBDA * rationale
            loss.backward()
            nn.utils.clip_grad_norm_(self.weights, training.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return losses

    def _loss(self, sequences: Sequence[TokenSequence]) -> Tensor:
        if self.text.family == "encoder_decoder":
            fed, labels = [s.prompt for s in sequences], [s.target for s in sequences]
        else:
            fed = [s.prompt + s.target for s in sequences]
            labels = [(-100,) * len(s.prompt) + s.target for s in sequences]
        tokens, mask = filled(fed, self.text.pad)
        loss: Tensor = self.model(
            input_ids=tokens, attention_mask=mask, labels=filled(labels, -100)[0]
        ).loss
        return loss


def filled(sequences: Sequence[Sequence[int]], value: int) -> tuple[Tensor, Tensor]:
    width = max(map(len, sequences))
    rows = [[*s, *[value] * (width - len(s))] for s in sequences]
    mask = [[1] * len(s) + [0] * (width - len(s)) for s in sequences]
    return torch.tensor(rows), torch.tensor(mask)


def train(side: Setting, plan: list[list[int]]) -> list[float]:
    """The project's own training; the loss of each step."""
    job = Job(side.ours, side.conf, LAMBDA, 0, side.rows, plan)
    state = train_job(job, Checkpoints(f"bench-{time.time_ns()}"))
    return [label + LAMBDA * rationale for label, rationale in state.losses]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def real_tokens(rows: Sequence[TokenRow]) -> int:
    """Prompt and target tokens of both tasks, as the two-pass definition sees them."""
    both = [s for row in rows for s in (row.label, row.rationale) if s]
    return sum(len(s.prompt) + len(s.target) for s in both)


def gemm_rate(precision: str) -> float:
    """FLOP/s of a large product in that type."""
    size = 3072 if precision == "bfloat16" else 2048
    a = torch.randn(size, size, dtype=getattr(torch, precision))
    a @ a
    return 2 * size**3 / min(timed(lambda: a @ a)[0] for _ in range(2))


def step_flops(side: Setting, rows: Sequence[TokenRow]) -> float:
    """Multiplications and additions that a step needs: the products of linear layers over packed
    tokens, forward and backward, and of attention between tokens that see each other. What is
    computed twice, or for padding within attention, does not count."""
    config: Any = side.ours.config
    batch = collate(rows, config)
    low = side.conf.training.precision == "bfloat16"
    with FlopCounterMode(display=False) as counter:
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            logits = target_logits(side.ours, output_layer(side.ours), batch)
        token_losses(logits, batch["targets"], "cross_entropy").sum().backward()
    side.ours.zero_grad()
    counts = counter.get_flop_counts()["Global"]
    linear = sum(counts.get(kind, 0) for kind in (torch.ops.aten.mm, torch.ops.aten.addmm))
    heads = config.num_attention_heads
    size = getattr(config, "d_kv", None) or config.hidden_size // heads
    seen = packing(batch)
    pairs = sum(int(part.seen.sum()) for part in (seen.own, seen.encoder, seen.cross) if part)
    # Two products forward, four backward.
    return linear + 6 * 2 * pairs * heads * size * config.num_hidden_layers


def agreement(name: str, raw: Sequence[dict[str, Any]]) -> None:
    """The same batches in float32 give the same losses."""
    side = setting(name, "float32", raw[:24])
    plan = batch_plan(side.rows, 24, 8, 0)
    ours = train(side, plan)
    plain = side.plain.train([[side.rows[place] for place in batch] for batch in plan])
    apart = max(abs(a - b) for a, b in zip(ours, plain, strict=True))
    print(f"  {name}: losses of {len(plan)} steps in float32 differ by at most {apart:.1e}")
    assert apart < 1e-4, (ours, plain)


def training(name: str, raw: Sequence[dict[str, Any]], title: str) -> float:
    """Record tokens per second against the plain trainer, and return the share of the GEMM rate.

    The plain trainer computes in float32, as published, and once more in the type that we use.
    """
    precision = "bfloat16"
    side = setting(name, precision, raw[:ROWS])
    size = side.conf.training.batch_size
    plan = batch_plan(side.rows, ROWS, size, 0)
    unsorted = [side.rows[start : start + size] for start in range(0, ROWS, size)]
    flops = sum(step_flops(side, [side.rows[place] for place in batch]) for batch in plan)
    published = setting(name, "float32", raw[:ROWS]).plain
    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: train(side, plan),
        "plain": lambda: published.train(unsorted),
        "plain, same type": lambda: side.plain.train(unsorted),
    }
    train(side, [plan[0][:2]])
    side.plain.train([unsorted[0][:2]])
    spent, rates = {key: [0.0, 0.0] for key in sides}, [gemm_rate(precision)]
    for _ in range(REPEATS):
        for key, work in sides.items():
            spent[key] = [sum(pair) for pair in zip(spent[key], timed(work), strict=True)]
            rates.append(gemm_rate(precision))
    tokens = real_tokens(side.rows) * REPEATS
    rate = {key: tokens / wall for key, (wall, _) in spent.items()}
    record(title, rate["ours"], "tokens/s", baseline=rate["plain"])
    record(f"{title}_same_type", rate["ours"], "tokens/s", baseline=rate["plain, same type"])
    cpu = {key: seconds / spent["ours"][1] for key, (_, seconds) in spent.items()}
    print(
        f"  {len(side.rows) * REPEATS / spent['ours'][0]:.2f} examples/s; ratios in CPU time "
        f"{cpu['plain']:.2f}, same type {cpu['plain, same type']:.2f}"
    )
    share = flops * REPEATS / spent["ours"][0] / statistics.median(rates)
    record(title.replace("_vs_two_pass", "_gemm_share"), share, "share")
    return share


def plain_generate(
    student: Student, queries: dict[str, str], decoding: StudentDecoding, size: int
) -> dict[str, str]:
    """Batches as they come, left-padded, through `generate`."""
    text, found, model = student.text, {}, student.model
    config, ids = greedy(student), list(queries)
    config.max_new_tokens = decoding.max_tokens
    for start in range(0, len(ids), size):
        batch = ids[start : start + size]
        prompts = [text.prompt(queries[id_], "label")[0] for id_ in batch]
        width = max(map(len, prompts))
        tokens = torch.tensor([[text.pad] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        with torch.inference_mode():
            written = model.generate(
                input_ids=tokens,
                attention_mask=mask,
                generation_config=config,
            )
        for id_, row in zip(batch, written[:, width:].tolist(), strict=True):
            found[id_] = cut(text.decode(row), decoding.stop)
    return found


def taught(raw: Sequence[dict[str, Any]]) -> Student:
    """SmolLM2 that has learnt, from a few labels, to answer shortly and to end."""
    conf = student("lora", "bfloat16")
    torch.manual_seed(0)
    model, tokenizer = load_weights(conf)
    text = StudentText.of(conf, tokenizer)
    rows, _ = tokenize_rows(raw, text, 0.0)
    freeze_below(model, 4)
    side = Setting(conf, text, rows, model, PlainTrainer(model, text, conf))
    train(side, batch_plan(rows, len(rows), 8, 0))
    return Student(model, text)


def evaluation(raw: Sequence[dict[str, Any]]) -> None:
    """Record rows per second against `generate`, in the type that the entry saves, and float32."""
    ours = taught(raw[96:])
    plain = copy.deepcopy(ours)
    plain.model.set_attn_implementation("sdpa")
    decoding = student("lora", "bfloat16").decoding
    compute = StudentCompute(device="cpu", eval_batch_size=32)
    queries = {row["id"]: row["query"] for row in raw[:96]}
    few = dict(list(queries.items())[:2])
    for precision, suffix in (("float32", "_float32"), ("bfloat16", "")):
        for side in (ours, plain):
            side.model.to(getattr(torch, precision))  # type: ignore[arg-type]
        predict_labels(ours, few, decoding, compute)
        plain_generate(plain, few, decoding, 32)
        found, wall, cpu = timed_labels(lambda: predict_labels(ours, queries, decoding, compute))
        expected, other, other_cpu = timed_labels(
            lambda: plain_generate(plain, queries, decoding, 32)
        )
        rows = len(queries)
        record(f"evaluate_vs_generate{suffix}", rows / wall, "rows/s", baseline=rows / other)
        same = sum(found[id_] == expected[id_] for id_ in queries)
        print(
            f"  {same} of {rows} labels are those of `generate`; "
            f"ratio in CPU time {other_cpu / cpu:.2f}"
        )


def timed_labels(work: Callable[[], dict[str, str]]) -> tuple[dict[str, str], float, float]:
    """The labels, seconds, and seconds of CPU time."""
    found: dict[str, str] = {}
    return found, *timed(lambda: found.update(work()))


def main() -> None:
    raw = table()
    for name in ("t5", "lora"):
        agreement(name, raw)
    shares = (
        training("t5", raw, "train_t5_vs_two_pass"),
        training("lora", raw, "train_smollm2_lora_vs_two_pass"),
    )
    record("train_gemm_share", min(shares), "share")
    evaluation(raw[:288])


if __name__ == "__main__":
    main()
