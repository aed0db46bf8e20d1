"""The help of every command: whole sentences, no word in halves, at any width."""

import json
import re
from importlib import import_module
from inspect import cleandoc

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from stillhouse.core.commands import command_group
from stillhouse.core.text import size
from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "src/stillhouse"

MODULES = [
    ".".join(("stillhouse", *path.relative_to(SOURCE).with_suffix("").parts))
    for path in sorted(SOURCE.rglob("cli.py"))
]


def test_every_module_of_commands_is_read():
    stubs = set(re.findall(r'"(stillhouse\.\w+\.cli)"', (SOURCE / "cli.py").read_text("utf-8")))
    assert len(stubs) > 3
    assert stubs < set(MODULES)


def walk(command, path):
    """Every command below one, with its path."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        if inner.context_settings.get("ignore_unknown_options"):
            continue  # a stub, whose module is walked by itself
        yield from walk(inner, (*path, name))


PAGES = {
    " ".join((module, *path)): (module, path, command)
    for module in MODULES
    for path, command in walk(get_command(import_module(module).app), ())
}


def page(monkeypatch, module, path, width):
    monkeypatch.setenv("COLUMNS", str(width))
    result = CliRunner().invoke(import_module(module).app, [*path, "--help"], prog_name="x")
    assert result.exit_code == 0
    return result.output


def joined(text):
    return " ".join(text.split())


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", PAGES)
def test_help_says_all_of_it_within_the_width(monkeypatch, name, width):
    module, path, command = PAGES[name]
    text = page(monkeypatch, module, path, width)
    examples = [line for line in cleandoc(command.help or "").splitlines() if line[:4] == "    "]
    for line in text.splitlines():
        assert len(line) < min(width, 100) or line.strip() in map(str.strip, examples), line
    for paragraph in (command.help or "").split("\n\n"):
        assert joined(paragraph) in joined(text)
    for parameter in command.params:
        assert joined(getattr(parameter, "help", None) or "") in joined(text)
    for inner in getattr(command, "commands", {}).values():
        assert joined((inner.help or "").partition("\n\n")[0]) in joined(text)
    assert "[/" not in text
    assert not re.search(r"<bool>| range>|<list\[|x<=|x>=", text)


def test_every_command_and_parameter_is_explained():
    for name, (_, _, command) in PAGES.items():
        assert (command.help or "").endswith((".", "`")) or "\n\n    " in command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


@pytest.mark.parametrize("name", PAGES)
def test_an_example_gives_options_that_there_are(name):
    _, _, command = PAGES[name]
    lines = cleandoc(command.help or "").splitlines()
    for line in (line for line in lines if line.startswith("    stillhouse ")):
        given = set(re.findall(r"(?<= )--?[a-z][\w-]*", line))
        assert given <= {each for one in command.params for each in one.opts}, line


def test_an_example_stands_as_it_is_written(monkeypatch):
    app = command_group("A group.")

    @app.command()
    def one(number: int = typer.Option(3, min=1, help="How many.")) -> None:
        """Do one thing.

        It has to be wrapped, since it is longer than the sixty signs of the line that it is in.

            stillhouse one --number 3 \\
                | another-very-long-command-of-the-shell --with an-option-of-its-own
        """

    monkeypatch.setenv("COLUMNS", "60")
    text = CliRunner().invoke(app, ["one", "-h"], prog_name="x").output
    assert text == (
        "Usage: x one [OPTIONS]\n\n"
        "  Do one thing.\n\n"
        "  It has to be wrapped, since it is longer than the sixty\n"
        "  signs of the line that it is in.\n\n"
        "      stillhouse one --number 3 \\\n"
        "          | another-very-long-command-of-the-shell --with an-option-of-its-own\n\n"
        "Options:\n"
        "  --number <int>  How many.  [default: 3]\n"
        "  -h, --help      Show this message and exit.\n"
    )


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (45_600, "45.6 kB"), (999_949, "999.9 kB"),
        (999_950, "1.0 MB"), (1_234_567_890, "1.2 GB"), (5 * 10**15, "5,000.0 TB"),
    ],
)  # fmt: skip
def test_sizes_are_in_units_that_people_read(count, shown):
    assert size(count) == shown


def test_the_stores_figures_stand_in_columns(tmp_path, monkeypatch):
    from stillhouse.store.cli import app
    from stillhouse.store.completion import Completion
    from stillhouse.store.store import Store

    monkeypatch.chdir(tmp_path)  # away from what this repository ships
    monkeypatch.setenv("STILLHOUSE_STORE", str(tmp_path / "store"))
    store = Store.default()
    for name, count in (("a-long-name-of-a-model", 3), ("b", 1200)):
        with store.writer(max_tokens=8, model=name, backend="scripted") as writer:
            for number in range(count):
                key = f"{name} {number}".ljust(32)[-32:].encode()
                writer.add(key, Completion("text", "stop", 1000, 7))
    lines = CliRunner().invoke(app, ["stats"]).output.splitlines()
    kept = json.loads(CliRunner().invoke(app, ["stats", "--json"]).output)
    assert lines[0] == f"1,203 completions, {size(kept['bytes'])}"
    assert re.fullmatch(r"2  segments, [\d.]+ kB,  in .+", lines[1])
    assert lines[2].startswith("0  segments, 0 B,")
    assert lines[4:] == [
        "model                   completions  cut short  prompt tokens  completion tokens",
        "a-long-name-of-a-model            3          0          3,000                 21",
        "b                             1,200          0      1,200,000              8,400",
    ]
