"""The training rows in the chat format that fine-tuning services take: JSON Lines of messages."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhouse.config.student import Asked
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import read_json, write_text
from stillhouse.core.tables import EXAMPLES, TRAINING, VALIDATION
from stillhouse.core.text import size
from stillhouse.students.asked import choices_for, conversation, messages, reply
from stillhouse.students.conversations import replies_of
from stillhouse.teacher_generate.estimate import BYTES_PER_TOKEN
from stillhouse.teacher_generate.spending import MESSAGE_TOKENS

Row = Mapping[str, Any]
Messages = list[dict[str, str]]
Say = Callable[[Row], Messages]
"""The messages of a row: what is asked, and the reply that is learnt."""
Count = Callable[[str], float]
"""The tokens of a text."""

PER_MESSAGE = MESSAGE_TOKENS / 2
"""Tokens that chat templates add to a message, about."""
SHOWN_IDS = 5


@dataclass(frozen=True)
class Limits:
    """What a service takes; the defaults are OpenAI's."""

    fewest_rows: int = 10
    most_row_tokens: int = 65_536
    """Of prompt and reply together; a service cuts longer rows, or refuses them."""
    most_file_mb: float = 512


@dataclass(frozen=True)
class Counting:
    """How tokens are counted, and how that is said."""

    count: Count
    said: str


ESTIMATED = Counting(
    lambda text: len(text.encode()) / BYTES_PER_TOKEN,
    f"estimated at {BYTES_PER_TOKEN} bytes a token: no tokenizer of a student is here",
)


@dataclass(frozen=True)
class Conversation:
    """A row as it is written, and its tokens."""

    id: str
    messages: Messages
    tokens: int

    @property
    def line(self) -> str:
        """The line of the file; equal rows give equal bytes."""
        return json.dumps({"messages": self.messages}, ensure_ascii=False) + "\n"


def default_system(marker: str, *, rationales: bool) -> str:
    """What the model is told when neither a prompt nor anybody else says it."""
    if not rationales:
        return "Answer the question. Reply with the answer and nothing else."
    return (
        "Answer the question. Explain in a few short sentences how the answer is reached, then "
        f"finish with one line in this form: {marker} <answer>"
    )


def as_asked(asked: Asked) -> Say:
    """Rows as a student with `templates: prompt` is asked, which learns labels alone."""

    def say(row: Row) -> Messages:
        if asked.chat:
            return conversation(asked, row["query"], str).messages(replies_of(row["label"]))
        choices = choices_for(asked, row["query"])
        said = reply(asked, row["label"], choices)
        prompt = messages(asked, row["query"], choices, str)
        return [*prompt, {"role": "assistant", "content": said}]

    return say


def as_told(marker: str, *, rationales: bool, system: str | None = None) -> Say:
    """Rows as the query below a system message; an empty `system` leaves that message out.

    With `rationales` the assistant of a row without one says `marker` and label alone.
    """
    told = default_system(marker, rationales=rationales) if system is None else system
    opening = [{"role": "system", "content": told}] if told else []

    def say(row: Row) -> Messages:
        said = str(row["label"])
        if rationales:
            said = f"{marker} {said}"
            if row.get("rationale"):
                said = f"{row['rationale']}\n{said}"
        user = {"role": "user", "content": row["query"]}
        return [*opening, user, {"role": "assistant", "content": said}]

    return say


def conversations(rows: Iterable[Row], say: Say, count: Count) -> list[Conversation]:
    """One conversation for each row, in order of id."""
    found = []
    for row in sorted(rows, key=lambda row: row["id"]):
        said = say(row)
        tokens = sum(PER_MESSAGE + count(message["content"]) for message in said)
        found.append(Conversation(row["id"], said, round(tokens)))
    return found


def refusals(
    file: Path, found: Sequence[Conversation], limits: Limits, *, fewest: int
) -> list[str]:
    """Why a service would not take a file, each with what to do."""
    problems = []
    if len(found) < fewest:
        problems.append(
            f"{file}: {len(found):,} rows, and at least {fewest:,} are asked for "
            "(--fewest-rows). Raise `limit`, `fraction` or `synthetic`."
        )
    long = [each for each in found if each.tokens > limits.most_row_tokens]
    if long:
        named = ", ".join(f"{each.id!r} ({each.tokens:,})" for each in long[:SHOWN_IDS])
        more = f" and {len(long) - SHOWN_IDS:,} more" if len(long) > SHOWN_IDS else ""
        problems.append(
            f"{file}: {len(long):,} rows are over {limits.most_row_tokens:,} tokens "
            f"(--most-row-tokens): {named}{more}. Leave them out with the dataset's `reject`, or "
            "shorten `fields.query`."
        )
    written = sum(len(each.line.encode()) for each in found)
    if written > limits.most_file_mb * 1e6:
        problems.append(
            f"{file}: {size(written)}, over {limits.most_file_mb:g} MB (--most-file-mb). Lower "
            "`limit` or `fraction`."
        )
    return problems


def require_split(rows: Iterable[Row], examples: Iterable[Row], splits: Sequence[str]) -> None:
    """Fail on a row of the dataset that is of another split: no test row leaves the project."""
    split_of = {row["id"]: row["split"] for row in examples}
    for row in rows:
        found = split_of.get(row["id"], splits[0])  # a synthetic row is no row of the dataset
        if found not in splits:
            raise StillhouseError(
                f"Row {row['id']!r} is a {found} row, and only {' and '.join(splits)} rows are "
                "written here. The tables are of different runs: run `dvc repro`."
            )


def student_tokens(folder: Path) -> Counting:
    """By the tokenizer of a student's folder; an estimate where it has none."""
    if not (folder / "tokenizer_config.json").is_file():
        return ESTIMATED
    from stillhouse.students.weights import read_tokenizer

    tokenizer = read_tokenizer(folder)

    def count(text: str) -> float:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    return Counting(count, f"by the tokenizer of {folder}")


def write_chat(path: Path, found: Sequence[Conversation]) -> None:
    """Write one JSON object a line, in UTF-8."""
    write_text(path, "".join(each.line for each in found))


def summary(file: Path, found: Sequence[Conversation]) -> str:
    """Rows, tokens and the longest row of a file, in a line."""
    longest = max(found, key=lambda each: each.tokens)
    total = sum(each.tokens for each in found)
    return (
        f"{len(found):,} rows in {file}: {total:,} tokens, {longest.tokens:,} in the longest row "
        f"({longest.id!r})"
    )


def hand_over(
    file: Path,
    validation: Path | None,
    *,
    rationales: bool,
    system: str | None,
    limits: Limits,
) -> list[str]:
    """Write the training rows to `file`, and the validation rows to `validation` if it is given.

    With neither `rationales` nor a `system` message rows are written as the run's prompt asks a
    student, where it can. Nothing is written that the service would not take. Returns what is to be
    said of it.
    """
    from stillhouse.config.dataset import DatasetConf
    from stillhouse.config.whole import load_all

    knobs, entries = load_all()
    dataset = entries["dataset"]
    assert isinstance(dataset, DatasetConf)
    for path in filter(None, (file, validation)):
        if path.is_dir():
            raise StillhouseError(
                f"{path} is a folder; name a file, such as {path}/training.jsonl."
            )
    if validation == file:
        raise StillhouseError(f"{file} is named for the training and for the validation rows.")
    rows, examples = TRAINING.read_rows(), EXAMPLES.read_rows()
    require_split(rows, examples, ("train", "unlabelled"))
    asked = read_json(paths.ASKED) if paths.ASKED.exists() else {}
    if dataset.is_chat and not (asked and not rationales and system is None):
        raise StillhouseError(
            f"`dataset: {knobs.dataset}` has conversations, which are written as the run's prompt "
            "asks a student. Leave out --system and --rationales, and take a prompt with a "
            "`student` text."
        )
    if asked and not rationales and system is None:
        say = as_asked(Asked.model_validate(asked))
        how = f"As the run's prompt asks a student ({paths.ASKED})"
    else:
        marker = dataset.answer.markers[0]
        say = as_told(marker, rationales=rationales, system=system)
        how = "Below a system message of the export's own, as no prompt asks"
    counting = student_tokens(paths.student_model(knobs.seeds[0]))
    files = {file: conversations(rows, say, counting.count)}
    if validation:
        held_out = VALIDATION.read_rows()
        if not held_out:
            raise StillhouseError(
                f"`dataset: {knobs.dataset}` has no validation rows for {validation}. Hold some "
                "out: `splits: {validation: {hold_out_from: train, share: 0.1}}`."
            )
        require_split(held_out, examples, ("validation",))
        files[validation] = conversations(held_out, say, counting.count)
    problems = [
        problem
        for path, found in files.items()
        for problem in refusals(
            path, found, limits, fewest=limits.fewest_rows if path == file else 1
        )
    ]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise StillhouseError(
            f"The service would not take this (tokens {counting.said}); nothing was written:\n"
            f"{listed}"
        )
    for path, found in files.items():
        write_chat(path, found)
    without = sum(not row["rationale"] for row in rows) if rationales else 0
    warning = f"warning: {without:,} of {len(rows):,} rows have no rationale: the label alone."
    return [
        *([warning] if without else []),
        *(summary(path, found) for path, found in files.items()),
        f"{how}; tokens {counting.said}",
    ]
