"""After a cold run one edit each: exactly the requests it needs, and not one stale completion."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from stillhouse.teacher_generate.generate import generate
from tests.teacher_generate.helpers import client, prompts, rows, store
from tests.teacher_generate.loopback import Server

ROWS = 40
LIMIT = 20


def exemplars(k: int) -> str:
    return "".join(f"Q: {n} and {n}?\nA: {2 * n}\n\n" for n in range(k))


@dataclass(frozen=True)
class Project:
    """All that a user edits, as a table of prompts and a teacher."""

    texts: dict[str, str] = field(
        default_factory=lambda: {f"r{n:03d}": f"{n}?" for n in range(ROWS)}
    )
    system: str = "Think."
    template: str = "Q: {}\nA:"
    k: int = 5
    salt: str = "@1"
    """What the server's weights are; a new revision completes differently."""
    conf: dict[str, Any] = field(default_factory=lambda: {"decoding": {"max_tokens": LIMIT}})

    def run(self, server: Server, place):
        server.set(salt=self.salt)
        body = {id_: exemplars(self.k) + self.template.format(t) for id_, t in self.texts.items()}
        found = generate(prompts(body, self.system), client(server.url, **self.conf), place)
        return rows(found.completions), server.requests()


def texts(**changes: str | None) -> Callable[[Project], Project]:
    def edit(project: Project) -> Project:
        merged = {id_: text for id_, text in (project.texts | changes).items() if text is not None}
        return replace(project, texts=merged)

    return edit


def conf(**changes: Any) -> Callable[[Project], Project]:
    return lambda project: replace(project, conf=project.conf | changes)


def decoding(**changes: Any) -> Callable[[Project], Project]:
    return conf(decoding={"max_tokens": LIMIT} | changes)


def other(**changes: Any) -> Callable[[Project], Project]:
    return lambda project: replace(project, **changes)


def reordered(project: Project) -> Project:
    return replace(project, texts=dict(reversed(project.texts.items())))


def renamed(project: Project) -> Project:
    return replace(project, texts={f"new-{id_}": text for id_, text in project.texts.items()})


def revised(project: Project) -> Project:
    model = {"name": "m", "source": "api://loopback/m@2"}
    return replace(conf(model=model)(project), salt="@2")


EDITS = {
    "nothing": (lambda project: project, 0),
    "row text": (texts(r007="seven?"), 1),
    "row added": (texts(r900="900?"), 1),
    "row removed": (texts(r007=None), 0),
    "rows reordered": (reordered, 0),
    "ids renamed": (renamed, 0),
    "system prompt": (other(system="Think hard."), ROWS),
    "template": (other(template="Q: {}\nA: Let's think."), ROWS),
    "model name": (conf(model={"name": "n"}), ROWS),
    "revision": (revised, ROWS),
    "temperature": (decoding(temperature=0.5), ROWS),
    "format": (conf(format="plain"), ROWS),
    "stop strings": (decoding(stop=["ab"]), ROWS),
    "k": (other(k=10), ROWS),
    "samples": (decoding(temperature=0.5, samples=2), 2 * ROWS),
    "seed, greedy": (decoding(seed=5), 0),
    "requests in flight": (conf(compute={"max_in_flight": 3}), 0),
    "time-out": (conf(compute={"timeout_s": 9, "retries": 3}), 0),
    "price": (conf(price={"prompt": 9}), 0),
    "description": (conf(description="another"), 0),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_asks_what_it_needs_and_nothing_is_stale(server, tmp_path, name):
    edit, needed = EDITS[name]
    base, place = Project(), store(tmp_path)
    cold, asked = base.run(server, place)
    assert asked == len(cold) == ROWS

    edited, asked = edit(base).run(server, place)
    assert asked == needed
    assert edited == edit(base).run(server, store(tmp_path / "from scratch"))[0]

    assert base.run(server, place) == (cold, 0)
    assert edit(base).run(server, place) == (edited, 0)


@pytest.mark.parametrize("limit", [LIMIT - 12, LIMIT + 12, LIMIT + 100])
def test_max_tokens_up_and_down(server, tmp_path, limit):
    base, place = Project(), store(tmp_path)
    cold, _ = base.run(server, place)
    moved = decoding(max_tokens=limit)(base)
    expected, _ = moved.run(server, store(tmp_path / "from scratch"))
    found, asked = moved.run(server, place)
    assert found == expected
    # Up: what was cut is asked again. Down: what does not surely fit is.
    length = {key: len(text.split()) for key, (text, _) in cold.items()}
    cut = {key for key, (_, reason) in cold.items() if reason == "length"}
    too_long = {key for key in cold if length[key] >= limit}
    assert 0 < len(cut) < ROWS
    assert asked == len(cut if limit > LIMIT else cut | too_long)
    assert base.run(server, place) == (cold, 0)
    assert moved.run(server, place) == (expected, 0)


def test_k_to_and_fro_asks_nothing_the_second_time(server, tmp_path):
    base, place = Project(), store(tmp_path)
    asked = [replace(base, k=k).run(server, place)[1] for k in (5, 10, 5, 10)]
    assert asked == [ROWS, ROWS, 0, 0]


def test_the_same_model_behind_another_server_or_engine_is_not_asked_again(server, tmp_path):
    base, place = Project(), store(tmp_path)
    cold, _ = base.run(server, place)
    for compute in (
        {"backend": "vllm"},
        {"backend": "vllm", "engine": {"block_size": 8}},
        {"base_url": "http://nowhere/v1"},
    ):
        found, asked = conf(compute=compute)(base).run(server, place)
        assert (found, asked) == (cold, 0)
