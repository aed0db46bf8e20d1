"""The stages embed, retrieve and prompt, one after the other in a small project."""

import json

import pytest

from stillhouse.core import paths, tables
from stillhouse.sources.pin import pin
from tests.config.project import edit, write_project
from tests.pipeline.scripts import run
from tests.prompt.rows import example

PARTS = {"exemplar_query": "{{ query }}", "exemplar_reply": "{{ label }}", "query": "{{ query }}"}


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_models):
    write_project(tmp_path)
    edit(tmp_path, "conf/embedder/small.yaml", source=pin(tiny_models / "bert"))
    edit(tmp_path, "conf/prompt/plain.yaml", tasks={"classification": PARTS})
    monkeypatch.chdir(tmp_path)
    rows = [example(f"r{n}", "train" if n < 6 else "test") for n in range(9)]
    tables.EXAMPLES.write_rows(rows)
    return tmp_path


def test_examples_become_prompts(project):
    run("embed", "retrieve", "teacher_select", "prompt")
    prompts = tables.PROMPTS.read_rows()
    exemplars = tables.EXEMPLARS.read_rows()
    assert [row["id"] for row in prompts] == [f"r{n}" for n in range(6)]
    nearest = [row["exemplar_id"] for row in exemplars if row["id"] == "r3"]
    expected = [f"query of {id_} the label" for id_ in nearest] + ["query of r3"]
    assert prompts[3]["messages"] == [{"role": "user", "content": "\n\n".join(expected)}]
    assert json.loads(paths.RETRIEVE_METRICS.read_text()) == {
        "k": 2,
        "rows": 9,
        "same_label_share": 1.0,
        "chance_same_label_share": 1.0,
    }


def test_a_second_run_gives_the_same_bytes(project):
    written = (tables.EMBEDDINGS, tables.EXEMPLARS, tables.PROMPTS)
    outputs = (*(table.path for table in written), paths.RETRIEVE_METRICS)
    run("embed", "retrieve", "teacher_select", "prompt")
    before = [path.read_bytes() for path in outputs]
    run("embed", "retrieve", "teacher_select", "prompt")
    assert [path.read_bytes() for path in outputs] == before
