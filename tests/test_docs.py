"""What README and docs/ tell people to type and open exists: knobs, entries, commands, links."""

import re

import pytest
import yaml
from typer.main import get_command

from stillhouse.cli import app
from stillhouse.config.knobs import Knobs
from stillhouse.config.whole import GROUPS, names
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
KNOBS = {field.alias or name for name, field in Knobs.model_fields.items()}
SETTING = re.compile(r"-S '?([\w./]+(?:\.yaml:[\w.]+)?)=([^\s`']+)'?")


def pages(test):
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)(test)


@pages
def test_every_setting_names_a_knob_and_a_value_that_it_takes(page):
    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    text = page.read_text(encoding="utf-8")
    for key, value in SETTING.findall(text):
        if ".yaml:" in key:
            file, _, path = key.partition(":")
            entry = yaml.safe_load((REPOSITORY / file).read_text())
            for part in path.split("."):
                assert part in entry, f"{key} is not in {file}"
                entry = entry[part]
            continue
        assert key in KNOBS, f"{key} is no knob"
        if not re.fullmatch(r"[A-Z_]+|<\w+>|\w*\.\.\.", value):  # a placeholder
            # What one setting needs of another stands in the line around it.
            alone = values | {"synthetic": 1, "lambda": 0, "rationale_source": "teacher"}
            Knobs.model_validate(alone | {key: yaml.safe_load(value)})
            if key in GROUPS:  # an entry of conf/, or one that the page tells how to write
                written = f"conf/{key}/{value}.yaml" in text
                assert written or value in names(key, REPOSITORY)


@pages
def test_every_command_of_stillhouse_exists(page):
    commands = get_command(app).commands
    for line in re.findall(r"(?:^|`)stillhouse ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE):
        assert line in commands, f"`stillhouse {line}` does not exist"


@pages
def test_every_link_and_make_target_exists(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:\s]+)[)#]", text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, f"`make {target}` does not exist"
