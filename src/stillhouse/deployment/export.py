"""The training rows in the chat format that fine-tuning services take: JSON Lines of messages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_text

FEWEST_ROWS = 10
"""Services refuse files of fewer."""


def default_system(marker: str, *, rationales: bool) -> str:
    """What the model is told when nobody says otherwise."""
    if not rationales:
        return "Answer the question. Reply with the answer and nothing else."
    return (
        "Answer the question. Explain in a few short sentences how the answer is reached, then "
        f"finish with one line in this form: {marker} <answer>"
    )


def conversations(
    rows: Iterable[Mapping[str, Any]], marker: str, *, rationales: bool, system: str | None = None
) -> list[dict[str, list[dict[str, str]]]]:
    """One conversation for each row of table `training`, in order of id.

    With `rationales` the assistant of a row without one says `marker` and label alone. An
    empty `system` leaves the system message out.
    """
    told = default_system(marker, rationales=rationales) if system is None else system
    opening = [{"role": "system", "content": told}] if told else []
    found = []
    for row in sorted(rows, key=lambda row: row["id"]):
        said = str(row["label"])
        if rationales:
            said = f"{marker} {said}"
            if row["rationale"]:
                said = f"{row['rationale']}\n{said}"
        user = {"role": "user", "content": row["query"]}
        found.append({"messages": [*opening, user, {"role": "assistant", "content": said}]})
    return found


def write_chat(path: Path, conversations: Sequence[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, in UTF-8; equal rows give equal bytes."""
    if path.is_dir():
        raise StillhouseError(f"{path} is a folder; name a file, such as {path}/training.jsonl.")
    write_text(path, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in conversations))


def warnings(rows: Sequence[Mapping[str, Any]], *, rationales: bool) -> list[str]:
    """What a reader of the file should know before uploading it."""
    found = []
    without = sum(not row["rationale"] for row in rows)
    if rationales and without:
        found.append(
            f"{without:,} of {len(rows):,} rows have no rationale and hold the label alone."
        )
    if len(rows) < FEWEST_ROWS:
        found.append(f"{len(rows)} rows; fine-tuning services ask for {FEWEST_ROWS} or more.")
    return found
