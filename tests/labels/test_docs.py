"""docs/labels.md: what it tells people to write is a configuration, and its commands take it."""

import re

import yaml
from typer.main import get_command

from stillhouse.cli import app
from stillhouse.config.whole import load_all
from tests.config.project import edit, write_project
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/labels.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_its_entries_and_knobs_go_together(tmp_path):
    none, knobs, few = BLOCKS
    root = write_project(tmp_path, **knobs)
    edit(root, "conf/prompt/plain.yaml", splits=["unlabelled", "test"])
    for splits in (none["splits"], few["splits"]):
        edit(root, "conf/dataset/own.yaml", splits=splits, fields=none["fields"])
        load_all(root)


def test_its_commands_and_their_options_exist():
    commands = get_command(app).commands
    found = re.findall(r"^stillhouse (\w+)(.*?)(?:#.*)?$", PAGE, re.MULTILINE)
    assert {name for name, _ in found} == {"sample", "cost"}
    for name, arguments in found:
        known = {option for each in commands[name].params for option in each.opts}
        assert set(re.findall(r"--[a-z-]+", arguments)) <= known
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert named <= {
        o for name in ("sample", "cost") for p in commands[name].params for o in p.opts
    }
