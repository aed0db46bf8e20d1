"""The `stillhouse` command, as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillhouse import __version__, cli
from stillhouse.core import paths, tables
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_json
from stillhouse.core.yaml import dump_yaml, read_yaml
from tests.config.project import edit, write_project
from tests.conftest import REPOSITORY
from tests.report.test_summary import one_seed

COMMAND = [sys.executable, "-c", "from stillhouse.cli import main; main()"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(write_project(tmp_path))
    return tmp_path


def stillhouse(*arguments):
    """Standard output of a command that succeeds; a user's mistake is raised."""
    result = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def in_a_process(cwd, *arguments):
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
    )


def test_check_counts_the_files(project):
    assert stillhouse("check") == "9 files are fine.\n"


def test_check_reports_every_mistake_in_one_message_without_a_traceback(project):
    edit(project, "params.yaml", k=-1)
    edit(project, "conf/teacher/small.yaml", format="poem")
    result = in_a_process(project, "check")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: 2 mistakes in the configuration:\n")
    assert "`k` is -1" in result.stderr
    assert "`format` is 'poem'" in result.stderr
    assert "Traceback" not in result.stderr


def git(*arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def test_check_warns_of_entries_that_git_does_not_know(project):
    result = CliRunner().invoke(cli.app, ["check"])
    assert result.stderr == ""  # no repository, so nothing to say
    git("init")
    git("add", "--all")
    assert CliRunner().invoke(cli.app, ["check"]).stderr == ""
    shutil.copy("conf/teacher/small.yaml", "conf/teacher/new.yaml")
    (project / "conf/teacher/other.yml").touch()
    result = CliRunner().invoke(cli.app, ["check"])
    assert result.exit_code == 0
    assert "`git add conf/teacher/new.yaml`" in result.stderr
    assert "conf/teacher/other.yml is not read: call it conf/teacher/other.yaml" in result.stderr


def test_check_looks_at_what_params_name(project):
    edit(project, "params.yaml", dataset="nope")
    with pytest.raises(StillhouseError, match=r"conf/dataset/nope\.yaml does not exist"):
        stillhouse("check")


ALONE = """
import socket, sys

def refuse(*_, **__):
    raise AssertionError("a request")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
from stillhouse.cli import main
sys.argv = ["stillhouse", "check"]
try:
    main()
finally:
    heavy = {"torch", "transformers", "pyarrow", "numpy", "datasets", "dvc", "yaml"}
    print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("wrong", [False, True])
def test_check_asks_nobody_and_loads_nothing_heavy(project, wrong):
    student = read_yaml(Path("conf/student/small.yaml"))
    model = student["model"]
    model |= {"source": None, "tokenizer": "file:data/raw/decoder"}
    model["architecture"] = {"model_type": "llama", "hidden_size": 65 if wrong else 64}
    model["architecture"] |= {"num_attention_heads": 4}
    Path("conf/student/small.yaml").write_text(dump_yaml(student))
    result = subprocess.run(
        [sys.executable, "-c", ALONE],
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines()[-1] == "[]", result.stderr
    assert ("cannot be divided among 4" in result.stderr) == wrong
    assert "Traceback" not in result.stderr


def test_list_shows_descriptions_and_marks_the_chosen_one(project):
    (project / "conf/teacher/other.yaml").write_text(
        (project / "conf/teacher/small.yaml").read_text().replace("Small", "Other")
    )
    lines = stillhouse("list", "teacher").splitlines()
    assert [line.split() for line in lines] == [
        ["teacher:"],
        ["other", "Other"],
        ["*", "small", "Small"],
    ]
    assert {"dataset:", "student:"} <= set(stillhouse("list").splitlines())


def test_list_of_an_unknown_group_suggests_one(project):
    with pytest.raises(StillhouseError, match="Did you mean 'teacher'"):
        stillhouse("list", "teachers")


def test_pin_prints_a_source_with_the_contents_hash(project):
    (project / "rows.csv").write_text("a,b\n")
    source = stillhouse("pin", "rows.csv").strip()
    assert source.startswith("file:rows.csv#sha256=")
    (project / "rows.csv").write_text("a,c\n")
    assert stillhouse("pin", "rows.csv").strip() != source
    with pytest.raises(StillhouseError, match="does not exist"):
        stillhouse("pin", "nothing.csv")


def write_prompts(*contents):
    tables.PROMPTS.write_rows(
        [
            {"id": f"row-{number}", "messages": [{"role": "user", "content": content}]}
            for number, content in enumerate(contents)
        ]
    )


def test_prompts_are_shown_as_they_are_sent(project):
    write_prompts("Q: [bold]1 + 1[/bold]?\nA:", "Q: 2 + 2?")
    assert stillhouse("prompts", "show") == "[user]\nQ: [bold]1 + 1[/bold]?\nA:\n\n"
    assert "2 + 2" in stillhouse("prompts", "show", "row-1")
    with pytest.raises(StillhouseError, match="Did you mean 'row-1'"):
        stillhouse("prompts", "show", "row-11")


def test_data_cannot_drive_the_terminal(project):
    write_prompts("\x1b]0;owned\x07 tab\t日本")
    shown = stillhouse("prompts", "show")
    assert "\x1b" not in shown
    assert "\\x1b]0;owned\\x07 tab\t日本" in shown


def test_prompts_before_any_run_say_what_to_do(project):
    with pytest.raises(StillhouseError, match="dvc repro"):
        stillhouse("prompts", "show")


def test_results_prints_the_table_of_the_last_run(project):
    with pytest.raises(StillhouseError, match="dvc repro"):
        stillhouse("results")
    write_json(paths.REPORT, one_seed())
    assert "Majority class" in stillhouse("results")


@pytest.mark.parametrize("command", ["store", "study"])
def test_a_command_with_commands_of_its_own_has_its_own_help(project, command):
    assert command in stillhouse("--help")
    result = in_a_process(project, command, "--help")
    assert result.returncode == 0
    assert f"stillhouse {command}" in result.stdout


@pytest.mark.parametrize(
    "command",
    ["check", "list", "pin", "prompts", "results", "rows", "predict", "export", "compare"],
)
def test_every_command_is_explained(command):
    assert command in stillhouse("--help")
    assert len(stillhouse(command, "--help").split()) > 20
    assert stillhouse(command, "-h") == stillhouse(command, "--help")


def test_it_says_its_version_also_as_a_module(project):
    assert stillhouse("--version") == f"stillhouse {__version__}\n"
    result = subprocess.run(
        [sys.executable, "-m", "stillhouse", "--version"],
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
    )
    assert result.stdout == f"stillhouse {__version__}\n"


def test_rows_are_shown_and_filtered(project):
    example = {
        "id": "a", "split": "test", "query": "How many?\x1b[31m", "label": "5", "choices": [],
        "gold_rationale": None, "group": None, "meta": None,
    }  # fmt: skip
    tables.EXAMPLES.write_rows([example, example | {"id": "b", "split": "train"}])
    shown = stillhouse("rows", "--split", "test")
    assert "# a  test" in shown
    assert "# b" not in shown
    assert "\x1b" not in shown
    assert stillhouse("rows", "b", "--csv").splitlines()[-1].startswith("b,train,How many?")
    assert json.loads(stillhouse("rows", "-n", "1", "--jsonl").splitlines()[-1])["id"] == "a"
    with pytest.raises(StillhouseError, match="Did you mean 'train'"):
        stillhouse("rows", "--split", "tran")


def test_help_loads_nothing_heavy(tmp_path):
    script = (
        "import sys; from stillhouse.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'pyarrow', 'numpy', 'pydantic', 'datasets', 'dvc'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines()[-1] == "[]"
