"""The base of every configuration model, and template fields that are checked when read."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from stillhouse.core.inner_paths import inner_path
from stillhouse.core.templates import check_expression, check_syntax


class Conf(BaseModel):
    """A frozen part of the configuration; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _template(source: str) -> str:
    check_syntax(source)
    return source


def _expression(source: str) -> str:
    check_expression(source)
    return source


Template = Annotated[str, AfterValidator(_template)]
Expression = Annotated[str, AfterValidator(_expression)]
InnerPath = Annotated[str, AfterValidator(inner_path)]
"""A path below a source or the mirror, which it must not leave."""
