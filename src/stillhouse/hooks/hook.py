"""What hooks there are, and how a function of the project's own is called as one.

A hook is known by the names of its parameters. So the stage `code` can tell from a function alone
which stages may call it, whatever the configuration names.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Hook:
    """One place that takes a function: what it is for, and with which parameters it is called."""

    name: str
    example: str
    """How such a function begins."""
    parameters: tuple[str, ...]
    optional: tuple[str, ...] = ()
    """Given to a function that has them."""

    def fits(self, function: ast.FunctionDef) -> bool:
        """Whether a function can be called as this hook is: what else it has, has a default."""
        given = {*self.parameters, *self.optional}
        arguments = function.args
        if arguments.posonlyargs:
            return False
        every = [each.arg for each in (*arguments.args, *arguments.kwonlyargs)]
        return set(self.parameters) <= set(every) and _without_default(arguments) <= given


def parameters(function: ast.FunctionDef) -> Sequence[str]:
    """The names that a function can be called with."""
    return [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]


def _without_default(arguments: ast.arguments) -> set[str]:
    ordinary = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {each.arg for each in (*ordinary, *(each for each, default in named if not default))}


ROWS = Hook("dataset", "def rows(split):", ("split",))
SCORE = Hook(
    "metric", "def score(prediction, label):", ("prediction", "label"), optional=("choices",)
)
KEEP = Hook("filter", "def keep(row):", ("row",))
OPEN = Hook("backend", "def open_teacher(conf):", ("conf",))
