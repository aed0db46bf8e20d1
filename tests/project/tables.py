"""Tables and logs as strangers have them."""

import csv
import json
from pathlib import Path

WORDS = {
    "good": ("I love this {}", "The {} works very well", "Great {}, would buy again"),
    "bad": ("The {} broke after a day", "Terrible {}", "Waste of money, this {}"),
    "mixed": ("The {} is okay", "An average {}", "The {} does its job; nothing more"),
}
THINGS = ("kettle", "lamp", "bike", "phone", "chair")
ENDS = ("", " 😀", ", wirklich schön", '\nand I mean "it"')


def reviews(count: int) -> list[dict[str, str]]:
    """Reviews with a rating: emoji, commas, quotes, line breaks, two languages."""
    rows = []
    for number in range(count):
        rating = ("good", "bad", "mixed")[number * 5 // 2 % 3]
        text = WORDS[rating][number % 3].format(THINGS[number % 5])
        rows.append(
            {"id": f"r{number}", "text": f"{text} ({number}){ENDS[number % 4]}", "rating": rating}
        )
    return rows


def write_csv(path: Path, rows: list[dict[str, str]], encoding: str = "utf-8", **options) -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), **options)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
