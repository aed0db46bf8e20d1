"""A new project, whole and checked before its first file is written."""

import contextlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.whole import GROUPS, check_all, load_all
from stillhouse.core import paths
from stillhouse.core.tables import EMBEDDINGS
from stillhouse.core.yaml import parse_yaml
from stillhouse.project import packaged, writing
from stillhouse.project.editing import LEAVE_OUT, edited, written
from stillhouse.project.teachers import is_address, served

if TYPE_CHECKING:
    from stillhouse.ingest.examples import Looked

STUDENT = "smollm2_135m"
TEACHER = "smollm2_135m"
"""Needs no server and no key; too small to teach, so its rationales are left out."""
LABELS_ALONE = {"prompt": "few_shot", "lambda": 0.0, "rationale_source": "none"}
"""Asked with `clean` it replied nothing to 270 of 270 reviews; shown four, it got 63% right."""
RATIONALES = {"prompt": "clean", "lambda": 1.0, "rationale_source": "teacher"}
ASKED = ["train", "unlabelled", "test"]
"""Test rows, so that the teacher is measured beside its student."""
EPOCHS, PATIENCE, STEPS = 12, 3, 80
"""With validation rows: until they get no better. Without: not fewer steps than teach something."""
BYTES_A_TOKEN = 3
"""Of text in UTF-8; most languages have more, so this errs on the long side."""
SEED_OF_PREVIEW = 0
NOTE = """\
# Templates see a row's columns; what they give is stripped. State the licence of the data, and see
# what became of the rows with `dvc repro ingest`. A row that a rule of `reject` meets is left out,
# such as {when: "rating == '3'", reason: neither good nor bad}.
"""


@dataclass
class Start:
    """A project's files by their place in it, and what its knobs are to be."""

    knobs: dict[str, Any]
    raw: dict[Path, bytes] = field(default_factory=dict)
    own: dict[Path, str] = field(default_factory=dict)
    """Entries that are this project's alone."""
    changes: dict[Path, dict[tuple[str, ...], Any]] = field(default_factory=dict)
    """Other values in the package's entries."""

    def files(self) -> dict[Path, bytes]:
        """Every file, with the package's own beside them as they were given."""
        given = packaged.pipeline_files(self.knobs)
        for group in GROUPS:
            place = packaged.entry_place(group, self.knobs[group])
            if place not in self.own:
                given |= packaged.entry_files(group, self.knobs[group])
        texts = {place: edited(text, self.changes.get(place, {})) for place, text in given.items()}
        kept = packaged.as_given(given.items())
        once = packaged.first_files()
        return writing.as_bytes(texts | kept | once | self.own) | self.raw


def of_dataset(
    name: str, values: Mapping[str, Any] | None, rows: Sequence[tuple[str, str]]
) -> Start:
    """A project for a dataset of that name; `rows` are queries and labels to measure lengths by.

    `values` is its entry; without it the package has one.
    """
    entry = values or parse_yaml(
        packaged.entry_files("dataset", name)[packaged.entry_place("dataset", name)], name
    )
    start = Start({"dataset": name, "limit": None, **LABELS_ALONE})
    start.knobs |= {"teacher": TEACHER, "student": STUDENT, "embedder": "minilm"}
    start.knobs |= {"judge": "pairwise", "augment": "lion", "search": "none"}
    start.knobs |= {"label_source": "gold", "exemplars": "topk", "k": 4}
    if values is not None:
        start.own[packaged.entry_place("dataset", name)] = NOTE + written(values)
    for knobs in (LABELS_ALONE, RATIONALES):
        start.changes[packaged.entry_place("prompt", str(knobs["prompt"]))] = {("splits",): ASKED}
    start.changes[packaged.entry_place("student", STUDENT)] = _student(entry, rows)
    return start


def taught_by(start: Start, teacher: str | None, model: str | None) -> None:
    """Give a project its teacher: an entry of the package, or the address of a server."""
    if teacher is None:
        return
    name = teacher
    if is_address(teacher):
        name, text = served(teacher, model)
        start.own[packaged.entry_place("teacher", name)] = text
    start.knobs |= {"teacher": name} | (LABELS_ALONE if name == TEACHER else RATIONALES)


def _student(
    entry: Mapping[str, Any], rows: Sequence[tuple[str, str]]
) -> dict[tuple[str, ...], Any]:
    """What the student's entry has otherwise: room for the rows, steps that are enough, and an
    answer among the choices where a row has some.
    """
    changes: dict[tuple[str, ...], Any] = {}
    if "validation" in entry["splits"]:
        changes[("training", "epochs")] = EPOCHS
        changes[("training", "validation")] = {"epochs": 1, "patience": PATIENCE}
    else:
        changes |= {("training", "epochs"): LEAVE_OUT, ("training", "steps"): STEPS}
    if entry["fields"].get("choices"):
        changes[("decoding", "decode")] = "choices"
    for place, key, texts, least in (
        (("model",), "max_query_tokens", [query for query, _ in rows], 256),
        (("model",), "max_target_tokens", [label for _, label in rows], 96),
        (("decoding",), "max_tokens", [label for _, label in rows], 12),
    ):
        wanted = max((len(text.encode()) for text in texts), default=0) // BYTES_A_TOKEN + 8
        if wanted > least:
            changes[(*place, key)] = min(1 << (wanted - 1).bit_length(), 4096)
    return changes


@dataclass(frozen=True)
class Preview:
    """What a project would do: what ingest counts, and one row's prompt as the teacher reads it."""

    looked: "Looked"
    id: str
    messages: Sequence[Mapping[str, str]]


def checked(files: Mapping[Path, bytes], *, look: bool = True) -> Preview | None:
    """Put the project together aside, check all of it, and `look` at its rows as its stages will.

    Rows of the hub are not looked at: that would fetch them.
    """
    with tempfile.TemporaryDirectory(prefix="stillhouse-init-") as folder:
        writing.write_all(Path(folder), files)
        with contextlib.chdir(folder):
            check_all()
            return _preview() if look else None


def _preview() -> Preview:
    from stillhouse.ingest.examples import build_examples
    from stillhouse.ingest.raw import read_exemplars, read_splits
    from stillhouse.prompt.render import render_prompts
    from stillhouse.retrieve.choose import choose_exemplars

    knobs, entries = load_all()
    dataset, prompt = entries["dataset"], entries["prompt"]
    assert isinstance(dataset, DatasetConf)
    assert isinstance(prompt, PromptConf)
    raw, people = read_splits(dataset), read_exemplars(dataset.human_exemplars)
    examples, looked = build_examples(dataset, raw, people, knobs.limit)
    exemplars, _ = choose_exemplars(
        examples,
        EMBEDDINGS.schema.empty_table(),
        exemplars="none" if knobs.exemplars == "none" else "random",
        k=knobs.k,
        seed=SEED_OF_PREVIEW,
        exclude_same_group=dataset.exclude_same_group,
    )
    shown = render_prompts(prompt, dataset.task, dataset.answer, examples, exemplars.to_pylist())
    first = min(shown, key=lambda row: row["id"])
    return Preview(looked, first["id"], first["messages"])


def raw_file(name: str, content: bytes) -> tuple[Path, bytes]:
    """A file of the source, where DVC watches it."""
    return paths.RAW / name, content


def lines(values: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON Lines."""
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in values).encode()
