"""The near-duplicate filter over 10,000 queries, against comparing every pair.

Run it with `PYTHONPATH=src:. python bench/bench_feedback.py`. The queries are GSM8K's where the
benchmark data is at hand, the rest reworded copies of them; without it all are made up.
Comparing every pair of all of them takes many minutes: `--pairs 10000`; by default it is done for
the first 2,000. The accepted sets must be the same.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from bench.record import record
from rapidfuzz.distance import LCSseq

from stillhouse.augment.duplicates import NearDuplicates
from stillhouse.core.rouge import tokens

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
COUNT = 10_000
THRESHOLD = 0.7
TEMPLATE = "{} has {} {} and gives {} of them to {}. How many {} does {} have left?"
NAMES = ("Ann", "Bob", "Cem", "Dora", "Eli", "Fay", "Gus", "Hana")
THINGS = ("apples", "books", "coins", "dolls", "eggs", "flags", "games", "hats", "inks", "jars")


def queries(count: int) -> list[str]:
    """Real queries and reworded copies of them, shuffled; made-up ones without the data."""
    rng = random.Random(0)
    real = [
        json.loads(line)["question"]
        for file in ("gsm8k/train.jsonl", "gsm8k/test.jsonl")
        if (DATA / file).exists()
        for line in (DATA / file).read_text(encoding="utf-8").splitlines()
    ]
    real += [made_up(rng) for _ in range(0 if real else count // 2)]
    found = real[:count] + [reworded(rng.choice(real), rng) for _ in range(count - len(real))]
    rng.shuffle(found)
    return found


def made_up(rng: random.Random) -> str:
    """A word problem of one template, padded so that most differ."""
    name, thing, other = (rng.choice(words) for words in (NAMES, THINGS, NAMES))
    story = " ".join(rng.choice(NAMES + THINGS) + str(rng.randint(1, 999)) for _ in range(20))
    numbers = rng.randint(50, 99), rng.randint(1, 49)
    return f"{story}. {TEMPLATE.format(name, numbers[0], thing, numbers[1], other, thing, name)}"


def reworded(query: str, rng: random.Random) -> str:
    """A copy in which up to six in ten words are others."""
    words, share = query.split(), rng.random() * 0.6
    return " ".join(rng.choice(words) + "x" if rng.random() < share else w for w in words)


def by_index(texts: Sequence[str]) -> list[int]:
    """The places of the accepted queries, by the filter."""
    seen, accepted = NearDuplicates(THRESHOLD, texts), []
    for place, text in enumerate(texts):
        if not seen.holds(text):
            seen.add(text)
            accepted.append(place)
    return accepted


def by_pairs(texts: Sequence[str]) -> list[int]:
    """The same by comparing each query with every accepted one."""
    limit, kept, accepted = Fraction(str(THRESHOLD)), list[list[str]](), []
    for place, text in enumerate(texts):
        words = tokens(text)
        if not any(
            2 * LCSseq.similarity(words, other) * limit.denominator
            > limit.numerator * (len(words) + len(other))
            for other in kept
        ):
            kept.append(words)
            accepted.append(place)
    return accepted


def timed(
    work: Callable[[Sequence[str]], list[int]], texts: Sequence[str]
) -> tuple[float, list[int]]:
    started = time.perf_counter()
    found = work(texts)
    return time.perf_counter() - started, found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=2_000, help="compare all pairs of so many")
    compared = parser.parse_args().pairs
    texts = queries(COUNT)
    seconds, accepted = timed(by_index, texts)
    record("feedback.near_duplicates_10000", seconds, "s")
    some = texts[:compared]
    quick, found = timed(by_index, some)
    slow, expected = timed(by_pairs, some)
    if found != expected:
        sys.exit("the filter and the comparison of all pairs accept different queries")
    record(f"feedback.near_duplicates_{compared}", quick, "s", baseline=slow)
    print(
        f"{len(accepted):,} of {len(texts):,} accepted; of the {compared:,} compared {len(found):,}"
    )


if __name__ == "__main__":
    main()
