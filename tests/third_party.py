"""Writes THIRD_PARTY.md from requirements.lock and what the installed packages say of themselves.

`make third-party` runs it; a test holds the file to the lock.
"""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_INSTALLED = {"bitsandbytes": "MIT", "ray": "Apache-2.0", "vllm": "Apache-2.0", "wheel": "MIT"}
"""Of packages that `make setup` does not install: engines of the extras, and a build tool."""
HEAD = """\
# Third-party software

stillhouse is Apache-2.0 and ships no data or weights of others, and of their code Vega, Vega-Lite
and Vega-Embed alone (BSD-3-Clause; with D3 and others, whose notices stand beside them in
.dvc/plots/offline.html). `make setup` installs most of the packages below beside it, at the
versions of [requirements.lock](requirements.lock); the engines among them come with the extras
`vllm`, `ray` and `qlora`. Each keeps its own licence, here as its metadata states it. Direct
dependencies are in bold. `make third-party` writes this list.

- **grandalf** (GPLv2 or EPLv1) and **pygit2** (GPLv2 with a linking exception) come with DVC, which
  loads them; nothing here does. **dulwich** and **asyncssh**, which come with it too, may be taken
  under Apache-2.0 and EPL-2.0 instead of the GPL. Whoever passes on an environment or an image that
  holds these has their terms to keep.
- Datasets, models, teachers and students have licences of their own. A dataset's entry states its
  under `licence`, those of models are at their sources, and a student's card repeats what the
  entries say.
- A CUDA build of torch brings NVIDIA's libraries along, under NVIDIA's own terms.

| package | licence |
|---|---|
"""


def canonical(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names_in(lines: list[str]) -> list[str]:
    """The packages of a lock or a list of requirements, as they are written there."""
    found = (re.match(r"[A-Za-z0-9][\w.-]*", line) for line in lines)
    return list(dict.fromkeys(match[0] for match in found if match))


def licence(name: str) -> str:
    """What an installed package states: an expression, else its classifiers, else free text."""
    if name in NOT_INSTALLED:
        return NOT_INSTALLED[name]
    values = metadata(name)
    classes = [
        c.rpartition(" :: ")[2] for c in values.get_all("Classifier", []) if "License ::" in c
    ]
    text = (values.get("License") or "").partition("\n")[0].strip()
    stated = [c.removesuffix(" License") for c in classes if c not in ("OSI Approved", "")]
    chosen = text if 0 < len(text) < 60 and text != "Dual License" else " or ".join(stated)
    return (values.get("License-Expression") or chosen or "see its files").replace("|", "or")


def page() -> str:
    """THIRD_PARTY.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    direct = {canonical(name) for name in names_in([*project["dependencies"], *extras])}
    rows = []
    for name in names_in((ROOT / "requirements.lock").read_text().splitlines()):
        shown = f"**{name}**" if canonical(name) in direct else name
        rows.append(f"| {shown} | {licence(name)} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    try:
        print(page(), end="")
    except PackageNotFoundError as error:
        raise SystemExit(f"{error.name} is in requirements.lock but not installed.") from None
