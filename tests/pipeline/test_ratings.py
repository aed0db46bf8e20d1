"""`stillhouse ratings` over real predictions, here and in revisions."""

import csv
import io
import json

import pytest

from stillhouse.core.tables import EXAMPLES
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow
STUDENT = "data/predictions/seed=0.parquet"
UNTRAINED = "data/predictions/untrained.parquet"


def export(workspace, sheet, *models, fails=False):
    named = [part for model in models for part in ("--model", model)]
    return workspace.stillhouse("ratings", "export", sheet, *named, "--n", "0", fails=fails)


def key(workspace, name):
    return json.loads((workspace.path / f"{name}.key.json").read_text(encoding="utf-8"))


def test_students_of_here_and_of_revisions_are_rated_side_by_side(workspace, fast, tmp_path):
    lines = [
        json.dumps({"id": row["id"], "reply": f"It is {row['label']}."})
        for row in EXAMPLES.of(workspace.path).read_rows()
        if row["split"] == "test"
    ]
    (workspace.path / "people.jsonl").write_text("\n".join(lines))
    workspace.commit()
    (workspace.path / "people.jsonl").unlink()
    before = workspace.run("git", "status", "--porcelain")
    models = ("people=HEAD:people.jsonl", f"untrained=main:{UNTRAINED}", "student=main")
    assert "replies to 12 rows in sheet.csv" in export(workspace, "sheet.csv", *models)
    known = key(workspace, "sheet")
    given = sum(len(rated["models"]) for rated in known["ratings"].values())
    assert (known["models"], given) == (["people", "untrained", "student"], 36)

    # What a revision holds is what is here, and in a clone where nothing was built.
    export(workspace, "here.csv", models[0], f"untrained={UNTRAINED}", "student=workspace")
    clone = Workspace(tmp_path / "clone", fast)
    workspace.run("git", "clone", "--quiet", str(workspace.path), str(clone.path))
    clone.dvc("config", "--local", "cache.dir", str(workspace.path / ".dvc/cache"))
    export(clone, "sheet.csv", *models)
    content = (workspace.path / "sheet.csv").read_bytes()
    assert (workspace.path / "here.csv").read_bytes() == content
    assert (clone.path / "sheet.csv").read_bytes() == content
    assert key(workspace, "here") == key(clone, "sheet") == known

    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    for rater, poor in (("ann", 1), ("ben", 2)):
        with (workspace.path / f"{rater}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for row in rows:
                people = "people" in known["ratings"][row["rating_id"]]["models"]
                writer.writerow(row | {"rating": 5 if people else poor})
    command = ("ratings", "import", "ann.csv", "ben.csv", "--key", "sheet.key.json")
    found = json.loads(workspace.stillhouse(*command, "--json"))
    assert found["models"]["people"]["mean"] == 5
    assert found["models"]["student"]["mean"] == 1.5
    assert [gap["significant"] for gap in found["differences"]] == [True, True, False]
    shown = workspace.stillhouse(*command)
    assert "student is rated lower than people, significant at 5%." in shown
    assert max(map(len, shown.splitlines())) <= 80
    for made in ("sheet.csv", "here.csv", "ann.csv", "ben.csv", "sheet.key.json", "here.key.json"):
        (workspace.path / made).unlink()
    assert workspace.run("git", "status", "--porcelain") == before


def test_what_cannot_be_rated_says_why(workspace):
    message = export(workspace, "sheet.csv", "student=mian", fails=True)
    assert "no revision or experiment 'mian'. Did you mean 'main'?" in message
    message = export(workspace, "sheet.csv", "student=HEAD:data/none.parquet", fails=True)
    assert "'HEAD' has no data/none.parquet" in message
    examples = EXAMPLES.of(workspace.path)
    rows = examples.read_rows()
    examples.path.unlink()  # it may be a link into DVC's cache
    examples.write_rows(row | {"query": f"{row['query']} Why?"} for row in rows)
    message = export(workspace, "sheet.csv", f"untrained={UNTRAINED}", "student=HEAD", fails=True)
    assert "'HEAD' was asked something else about row" in message
    assert not (workspace.path / "sheet.csv").exists()
    assert "Traceback" not in message
