"""What a project's own modules add to the meaning of a stage's code."""

import shutil

import pytest

from stillhouse.code import definitions
from stillhouse.code.fingerprint import Sources, fingerprint
from stillhouse.core.errors import StillhouseError
from tests.conftest import REPOSITORY
from tests.pipeline.test_static import CONFIGURED

METRIC = {
    "augment",
    "baseline",
    "evaluate",
    "feedback_judge",
    "feedback_split",
    "ingest",
    "parse",
    "references",
    "report",
    "teacher_select",
    "zero_shot",
    "gold_student",
}
ASK = {
    *("teacher_select", "teacher_generate", "zero_shot", "feedback_judge", "augment", "evaluate"),
    *("complexity", "rate"),
}
REACHED = {
    "def rows(split):\n    yield {}\n": {"ingest"},
    "def score(prediction, label):\n    return 1\n": METRIC,
    "def keep(row):\n    return True\n": {"feedback_split"},
    "def open_teacher(conf):\n    return None\n": ASK,
    "def helper(x):\n    return x\n": set(),
    "class Kept:\n    def keep(self, row):\n        return True\n": set(),
}


@pytest.fixture(autouse=True, scope="module")
def _each_module_is_read_once():
    """A module is what its text and the names of all modules make it."""
    read, known_modules = definitions.read_module, {}

    def read_once(name, source, known, package=""):
        key = (name, source, package, known.roots, frozenset(known.is_module.__self__))
        if key not in known_modules:
            known_modules[key] = read(name, source, known, package)
        return known_modules[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stillhouse.code.fingerprint.read_module", read_once)
        yield


@pytest.fixture
def scripts(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(REPOSITORY / "stages", tmp_path / "stages", ignore=ignore)


def digests(scripts, stages=CONFIGURED):
    sources = Sources(REPOSITORY / "src/stillhouse", scripts, [*CONFIGURED, "code"])
    return {stage: fingerprint(stage, sources).digest for stage in stages}


def write(scripts, **modules):
    for name, text in modules.items():
        path = scripts / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_a_hook_is_of_the_stages_that_can_call_it_and_of_no_other(scripts):
    before = digests(scripts)
    for text, stages in REACHED.items():
        write(scripts, mine=text)
        now = digests(scripts)
        assert {stage for stage in CONFIGURED if now[stage] != before[stage]} == stages, text


MINE = '''"""Ours."""
from own.words import MOST
import own.marks
from own import names as others

def keep(row):
    """Whether to keep it."""
    if not row:
        raise ValueError(f"no row {row}")
    return len(row["query"]) < MOST and good(row) and others.f(row) and own.marks.g(row)

def good(row, least=1):
    return row

def unused(x):
    return 1
'''
MODULES = {
    "mine": MINE,
    "own__words": "MOST = 3\n\ndef other():\n    return 1\n",
    "own__marks": "def g(row):\n    return h(row)\n\ndef h(row):\n    return 1\n",
    "own__names": "from .words import *\n\ndef f(row):\n    return MOST\n",
}


@pytest.mark.parametrize(
    ("module", "old", "new", "same"),
    [
        ("mine", '"""Whether', '# why\n    """If', True),
        ("mine", "no row", "no such row", True),
        ("mine", "return 1", "return 2", True),  # nobody calls it
        ("mine", "def keep(row):", "def keep(row: dict) -> bool:", True),
        ("mine", "return row\n", "return not row\n", False),
        ("mine", "least=1", "least=2", False),
        ("mine", "def keep(", "def kept(", False),  # it is called by its name
        ("mine", "from own.words import MOST", "from own.words import other as MOST", False),
        ("own__words", "MOST = 3", "MOST = 4", False),
        ("own__marks", "return 1", "return 2", False),  # through `import own.marks`
        ("own__names", "return MOST", "return -MOST", False),
        ("own__words", "return 1", "return 2", False),  # `import *`: all of it
    ],
)
def test_an_edit_counts_where_it_is_reached(scripts, module, old, new, same):
    write(scripts, **MODULES)
    before = digests(scripts, ["feedback_split", "report"])
    assert old in MODULES[module]
    write(scripts, **{module: MODULES[module].replace(old, new, 1)})
    now = digests(scripts, ["feedback_split", "report"])
    assert (now["feedback_split"] == before["feedback_split"]) == same
    assert now["report"] == before["report"]


def test_two_functions_that_change_names_are_others(scripts):
    one, other = "    return row['a']\n", "    return row['b']\n"
    write(scripts, mine=f"def keep(row):\n{one}\ndef older(row):\n{other}")
    before = digests(scripts, ["feedback_split"])
    write(scripts, mine=f"def keep(row):\n{other}\ndef older(row):\n{one}")
    assert digests(scripts, ["feedback_split"]) != before


def test_a_name_that_is_imported_as_two_things_counts_as_both(scripts):
    mine = (
        "try:\n    from own.one import f\nexcept ImportError:\n    from own.two import f\n\n"
        "def keep(row):\n    return f(row)\n"
    )
    write(scripts, mine=mine, own__one="def f(x):\n    return 1\n", own__two="def f(x): return 2\n")
    before = digests(scripts, ["feedback_split"])
    for name in ("own__one", "own__two"):
        write(scripts, own__one="def f(x):\n    return 1\n", own__two="def f(x): return 2\n")
        write(scripts, **{name: "def f(x):\n    return 3\n"})
        assert digests(scripts, ["feedback_split"]) != before, name


def test_a_file_beside_a_reached_module_counts(scripts):
    write(scripts, own__mine="def keep(row):\n    return True\n")
    before = digests(scripts, ["feedback_split", "ingest"])
    (scripts / "own/words.txt").write_text("red", encoding="utf-8")
    (scripts / "own/.mine.py.swp").write_text("x", encoding="utf-8")
    now = digests(scripts, ["feedback_split", "ingest"])
    assert now["feedback_split"] != before["feedback_split"]
    assert now["ingest"] == before["ingest"]
    (scripts / "own/.mine.py.swp").write_text("y", encoding="utf-8")
    assert digests(scripts, ["feedback_split"])["feedback_split"] == now["feedback_split"]


def test_where_a_function_is_told_by_its_place(scripts):
    write(scripts, own__mine="def keep(row):\n    return True\n")
    sources = Sources(REPOSITORY / "src/stillhouse", scripts, [*CONFIGURED, "code"])
    assert "own.mine:keep" in fingerprint("feedback_split", sources).definitions


@pytest.mark.parametrize("name", ["numpy", "json", "parse__more"])
def test_a_module_that_python_would_confuse_is_refused_whoever_names_it(scripts, name):
    write(scripts, **{name: "def helper(x):\n    return x\n"})
    if name == "parse__more":
        assert digests(scripts, ["ingest"])  # never imported: `parse` is the stage's script
        return
    with pytest.raises(StillhouseError, match="cannot be told from the module"):
        digests(scripts, ["ingest"])
