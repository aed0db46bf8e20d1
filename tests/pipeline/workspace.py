"""A copy of the repository with tiny models and data, and DVC to run in it."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from compileall import compile_dir
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import yaml

from stillhouse.config.whole import GROUPS
from tests.config.project import PARAMS
from tests.conftest import REPOSITORY

COPIED = (
    "dvc.yaml",
    "params.yaml",
    "conf",
    "stages",
    "src",
    "data/raw",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
)
STILLHOUSE = Path(__file__).parent / "command.py"
OF_ONE_TEST = {"DVC_ROOT", "DVC_STAGE", "PYTHONPATH", "STILLHOUSE_MIRROR", "STILLHOUSE_STORE"}
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "test"), ("EMAIL", "test@example.org"))
}
STATEMENTS = ("The {} on the table is {}.", "Everyone knows that the {} is {}.", "A {} looks {}.")
THINGS = ("cup", "door", "leaf", "sky", "brick", "pen", "bag", "coat", "stone", "lamp")


class Workspace:
    """A Git and DVC repository in a temporary folder."""

    def __init__(self, path: Path, python: Path) -> None:
        self.path = path
        state = path.parent / "state"
        kept = {name: os.environ[name] for name in os.environ if name not in OF_ONE_TEST}
        self.env = {
            **kept,
            **IDENTITY,
            "PATH": f"{python}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DVC_SITE_CACHE_DIR": str(state / "site"),
            "STILLHOUSE_CACHE": str(state / "cache"),
        }

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command here; its output, standard error included. Its success is checked."""
        result = subprocess.run(
            command,
            check=False,
            cwd=self.path,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (result.returncode != 0) == fails, result.stdout
        return result.stdout

    def dvc(self, *arguments: str, fails: bool = False) -> str:
        return self.run("dvc", *arguments, fails=fails)

    def stillhouse(self, *arguments: str, fails: bool = False) -> str:
        """The `stillhouse` command with this workspace's code."""
        self.env["PYTHONPATH"] = "src"
        return self.run("python", str(STILLHOUSE), *arguments, fails=fails)

    def ran(self, *arguments: str) -> set[str]:
        """Run DVC, and name the stages whose commands ran (not those restored from its cache)."""
        return set(re.findall(r"^Running stage '(.+)':", self.dvc(*arguments), re.MULTILINE))

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "state")

    def copy(self, path: Path, python: Path) -> "Workspace":
        """The same repository elsewhere, DVC's cache included."""
        shutil.copytree(self.path, path, symlinks=True)
        return Workspace(path, python)

    def edit(self, name: str, **changes: Any) -> None:
        """Change top-level keys of a YAML file."""
        path = self.path / name
        write_yaml(path, yaml.safe_load(path.read_text(encoding="utf-8")) | changes)

    def read(self, name: str) -> Any:
        return json.loads((self.path / name).read_text(encoding="utf-8"))


def write_yaml(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def repository_files() -> list[str]:
    """The files of the working tree that Git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *COPIED],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def write_rows(path: Path, count: int, offset: int = 0) -> None:
    """A table of statements with two choices; the rows of other offsets differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "question", "answer", "why"])
        for number in range(offset, offset + count):
            thing, colour = THINGS[number % 10], ("red", "blue")[number * 7 // 3 % 2]
            statement = STATEMENTS[number % 3].format(thing, colour)
            question = f"{statement} What colour is {thing} {number}?"
            writer.writerow([f"row-{number:03}", question, colour, f"{statement} So: {colour}."])


def create(path: Path, models: Path, python: Path) -> Workspace:
    """The repository's files, with tiny entries beside its own and chosen; nothing has run."""
    path.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(path, python)
    workspace.run("git", "init", "--quiet", "--initial-branch", "main")
    workspace.dvc("init", "--quiet")  # before there is any of its files
    for name in repository_files():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, path / name)
    write_rows(path / "data/raw/tiny/train.csv", 30)
    write_rows(path / "data/raw/tiny/test.csv", 12, offset=100)
    write_rows(path / "data/raw/other/train.csv", 24, offset=200)
    write_rows(path / "data/raw/other/test.csv", 9, offset=300)
    for name, values in entries(models).items():
        write_yaml(path / "conf" / f"{name}.yaml", values)
    params = yaml.safe_load((path / "params.yaml").read_text(encoding="utf-8"))
    write_yaml(path / "params.yaml", params | KNOBS)
    # Compiled here, once, whatever the environment says; by content, so that no edit is missed.
    compile_dir(path / "src", quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    workspace.commit()
    return workspace


KNOBS = PARAMS | dict.fromkeys(GROUPS, "tiny") | {"limit": 20}
HARD_AND_EASY = ("hard", "easy")
QUERY = "What is {{ digest % 97 }} by {{ digest // 97 % 89 }} like? (a) red (b) blue"
ANSWER = "Because of {{ digest % 97 }}. The answer is {{ ['red', 'blue'][digest % 2] }}."
COMPLETION = f"{{% if 'New one' in prompt %}}{QUERY}{{% else %}}{ANSWER}{{% endif %}}"
PARTS = {
    "preamble": "Say which colour.",
    "exemplar_query": "Q: {{ query }}",
    "exemplar_reply": "A: {{ label }}",
    "query": "Q: {{ query }}\nA:",
}


def entries(models: Path, *, others: bool = True) -> dict[str, dict[str, Any]]:
    """Tiny conf entries, and another one of each group unless `others` is false."""
    from stillhouse.sources.pin import pin

    found = {}
    for name, suffix in (("tiny", ""), ("other", "_other"))[: 1 + others]:
        bert, decoder = pin(models / f"bert{suffix}"), pin(models / f"decoder{suffix}")
        found |= {
            f"dataset/{name}": _dataset(name),
            f"embedder/{name}": {
                "description": "A tiny BERT",
                "kind": "mean_pooling",
                "source": bert,
                "max_tokens": 64,
                "normalise": False,
            },
            f"prompt/{name}": {
                "description": "Tiny",
                "layout": "text",
                "reply": "rationale_then_label",
                "tasks": {"multiple_choice": PARTS | {"preamble": f"Be {name}."}},
            },
            f"teacher/{name}": {
                "description": "A template",
                "model": {"name": name, "source": f"scripted:{name}. {COMPLETION}"},
                "format": "plain",
                "context": 500,
                "decoding": {"max_tokens": 40},
                "compute": {"backend": "scripted"},
                "price": {"currency": "EUR", "prompt": 1.0, "completion": 2.0},
            },
            f"student/{name}": _student(decoder),
            f"judge/{name}": {
                "description": "Two answers",
                "form": "pairwise",
                "system": f"Be {name}.",
                "prompt": "{{ query }}\n1: {{ answer_1 }}\n2: {{ answer_2 }}",
                "markers": ["Score of 1:", "Score of 2:"],
                "scale": [1, 10],
                "words": {},
                "teacher": _judging(name),
                "decoding": {"max_tokens": 40},
                "compute": {"backend": "scripted"},
            },
            f"augment/{name}": {
                "description": "New queries",
                "prompts": {
                    kind: {"prompt": f"New one, {name}: {{{{ query }}}}"} for kind in HARD_AND_EASY
                },
                "decoding": {"temperature": 1.0, "max_tokens": 40},
                "queries_per_seed": 2,
                "rounds": 1,
                "filters": {"min_words": 2, "max_words": 40, "rouge_l": 0.9, "ngram": 8},
                "verify": {},
            },
            f"search/{name}": {"description": "Nothing is tried", "prompts": []},
        }
    return found


def _judging(name: str) -> dict[str, Any]:
    """A judge that thinks the second of two answers a little better, and that red is best."""
    score = "{{ 9 if 'red' in prompt.split('%s:')[1].split('\n')[0] else %d }}"
    completion = "\n".join(f"Score of {n}: {score % (n, n)}" for n in (1, 2))
    return {
        "model": {"name": f"judge {name}", "source": f"scripted:{completion}"},
        "format": "plain",
        "context": 500,
    }


def _dataset(folder: str) -> dict[str, Any]:
    return {
        "description": "Colours of things",
        "licence": "CC0-1.0",
        "source": f"file:data/raw/{folder}",
        "splits": {"train": {"read": ["train.csv"]}, "test": {"read": ["test.csv"]}},
        "task": "multiple_choice",
        "fields": {
            "id": "{{ name }}",
            "query": "{{ question }} (a) red (b) blue",
            "label": "{{ answer }}",
            "choices": ["red", "blue"],
            "rationale": "{{ why }}",
        },
        "answer": {"metric": "choice", "markers": ["The answer is"]},
        "reject": [],
        "human_exemplars": None,
        "exclude_same_group": False,
    }


def _student(source: str) -> dict[str, Any]:
    return {
        "description": "A tiny decoder",
        "model": {
            "family": "decoder",
            "source": source,
            "max_query_tokens": 128,
            "max_target_tokens": 64,
        },
        "templates": {
            "label_prefix": "[label]",
            "rationale_prefix": "[rationale]",
            "query": "{{ prefix }} {{ query }}\n",
            "target": "{{ target }}",
        },
        "training": {
            "epochs": 1,
            "batch_size": 8,
            "learning_rate": 0.01,
        },
        "decoding": {"max_tokens": 8},
        "compute": {"eval_batch_size": 8},
    }
