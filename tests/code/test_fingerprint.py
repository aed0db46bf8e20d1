"""What two pieces of code mean: the same, or not."""

import pytest

from stillhouse.code.fingerprint import Sources, fingerprint
from stillhouse.core.errors import StillhouseError

PLAIN = """
from stillhouse.helper import first, second

def main():
    return first(3) - second(4)
"""
HELPER = """
def first(x):
    return _twice(x)

def second(x):
    return x + 1

def _twice(x):
    return 2 * x

def unused():
    return 0
"""


@pytest.fixture
def meaning(tmp_path):
    """The fingerprint of a script and of modules of the package, given as texts."""

    def digest(script=PLAIN, **modules):
        package, scripts = tmp_path / "stillhouse", tmp_path / "stages"
        for folder in (package, scripts):
            folder.mkdir(exist_ok=True)
            for file in folder.glob("*.py"):
                file.unlink()
        (package / "__init__.py").touch()
        for name, text in ({"helper": HELPER} | modules).items():
            (package / f"{name}.py").write_text(text, encoding="utf-8")
        (scripts / "stage.py").write_text(script, encoding="utf-8")
        return fingerprint("stage", Sources(package, scripts)).digest

    return digest


def changed(old, new, text=HELPER):
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    "helper",
    [
        changed("return x + 1", "return x + 1  # one more"),
        changed("return x + 1", "return (\n        x + 1\n    )"),
        changed("def second(x):", 'def second(x):\n    """One more."""'),
        changed("def second(x):", "def second(x: int) -> int:"),
        changed("_twice", "_doubled"),
        changed("return 0", "return 1"),  # nobody calls it
        HELPER + "\ndef third():\n    return 3\n",
        "import json\n" + HELPER,
        HELPER + "\nif TYPE_CHECKING:\n    import json\n",
        '"""A module."""\n' + HELPER,
    ],
)
def test_the_same(meaning, helper):
    assert meaning(helper=helper) == meaning()


@pytest.mark.parametrize(
    "helper",
    [
        changed("return x + 1", "return x + 2"),
        changed("return 2 * x", "return 3 * x"),  # reached through another
        changed("def second(x):", "def second(x, y=0):"),
        changed("return _twice(x)", "return x"),
        HELPER + "\nimport atexit\natexit.register(unused)\n",  # importing does more
        HELPER + "\nfirst = second\n",
        changed("def second(x):", "import functools\n\n@functools.cache\ndef second(x):"),
        changed("return x + 1", "return [x, 1]"),
    ],
)
def test_another(meaning, helper):
    assert meaning(helper=helper) != meaning()


PAIRS = {
    "two calls": ("first(3) - second(4)", "second(3) - first(4)", PLAIN),
    "two imports": ("import first, second", "import second as first, first as second", PLAIN),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_swapped_is_another_also_where_both_are_reached(meaning, name):
    old, new, text = PAIRS[name]
    assert meaning(changed(old, new, text)) != meaning(text)


def test_functions_of_one_shape_that_change_places_are_told_apart(meaning):
    script = "from stillhouse.helper import A, B\n\ndef main():\n    return A, B\n"
    assert meaning(script, helper="A, B = 1, 2\n") != meaning(script, helper="B, A = 1, 2\n")


def test_fields_of_a_class_are_read_and_arguments_of_a_function_are_not(meaning):
    script = "from stillhouse.helper import make\n\ndef main():\n    return make()\n"
    helper = "def make():\n    class Conf(Model):\n        k: int = 1\n    return Conf\n"
    assert meaning(script, helper=helper) != meaning(script, helper=changed("int", "str", helper))


def test_a_class_that_a_field_names_in_quotes_counts(meaning):
    script = "from stillhouse.helper import Conf\n\ndef main():\n    return Conf()\n"
    helper = 'class Conf(Model):\n    part: "Part | None"\n\nclass Part(Model):\n    k: int = 1\n'
    assert meaning(script, helper=helper) != meaning(script, helper=changed("1", "2", helper))


def test_modules_that_are_imported_late_or_named_count(meaning):
    late = "def main():\n    from stillhouse.late import f\n    return f()\n"
    named = "import importlib\n\ndef main():\n    importlib.import_module('stillhouse.late')\n"
    for script in (late, named):
        one = meaning(script, late="def f():\n    return 1\n")
        assert meaning(script, late="def f():\n    return 2\n") != one
        assert meaning(script, late="def f():\n    return 1  # same\n") == one


def test_the_words_of_an_error_are_none_of_its_values(meaning):
    helper = changed(
        "return x + 1", 'if x:\n        raise ValueError(f"no {x} here")\n    return x'
    )
    words = changed("no {x} here", "here is no {x}", helper)
    value = changed("no {x} here", "no {x + 1} here", helper)
    assert meaning(helper=words) == meaning(helper=helper) != meaning(helper=value)


def test_a_call_to_what_only_tells_keeps_its_place(meaning):
    script = (
        "from stillhouse.cli import tell\nfrom stillhouse.helper import first\n\n"
        "def main():\n    return tell(first(1))\n"
    )
    swapped = changed("tell(first(1))", "first(tell(1))", script)
    assert meaning(script, cli="def tell(x): ...\n") != meaning(swapped, cli="def tell(x): ...\n")


def test_what_an_error_is_given_by_name_counts(meaning):
    helper = changed("return x + 1", "raise ValueError(again=True)")
    assert meaning(helper=helper) != meaning(helper=changed("again", "fatal", helper))


def test_code_that_is_no_python_is_one_message_that_names_the_place(meaning):
    with pytest.raises(StillhouseError, match=r"helper\.py, line 2, cannot be read as Python"):
        meaning(helper="x = 1\ndef (\n")


def test_a_byte_order_mark_means_nothing(meaning):
    assert meaning(helper="\ufeff" + HELPER) == meaning()


def test_a_module_that_moves_is_the_same(meaning):
    moved = PLAIN.replace("stillhouse.helper", "stillhouse.elsewhere")
    assert meaning(moved, helper="", elsewhere=HELPER) == meaning()


def test_modules_that_import_each_other_have_an_end(meaning):
    one = "from stillhouse import other\n\ndef f():\n    return other.g()\n"
    other = "from stillhouse.one import f\n\ndef g():\n    return f\n"
    script = "from stillhouse.one import f\n\ndef main():\n    return f()\n"
    first = meaning(script, one=one, other=other)
    assert meaning(script, one=one, other=other.replace("return f", "return f()")) != first
