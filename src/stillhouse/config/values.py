"""Values of free mappings in the configuration: JSON, finite, and without secrets."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

DEEPEST = 20
SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:api_?key|(?:access|secret|private|auth|subscription)_?key|password|passwd|"
    r"secret|credentials?|authorization|bearer|cookie|(?:access|auth|api|id|refresh)_?token)$"
    r"|^(?:key|token)$",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(
    r"^(?:Bearer |Basic |sk-|sk_|rk_|pk_|hf_|gh[opsu]_|github_pat_|xox[abp]-|AKIA|AIza|eyJ)"
    r"[A-Za-z0-9_.=/+-]{8,}",
    re.IGNORECASE,
)


def secret_error(message: str) -> PydanticCustomError:
    """An error about a value that must not be shown."""
    return PydanticCustomError("secret", "{said}", {"said": message})


def looks_secret(value: object) -> bool:
    """Whether a value looks like a key, a token or a password in an address."""
    return isinstance(value, str) and SECRET_VALUE.match(value.strip()) is not None


def plain(value: Any) -> Any:
    """A value as JSON has it: whole floats as integers, so that 5 and 5.0 are one; or ValueError.

    What looks like a secret is refused without being shown.
    """
    for problem in _secrets(value, ""):
        raise secret_error(problem)
    return _plain(value, "", DEEPEST)


def _secrets(value: Any, where: str) -> Iterator[str]:
    pending = [(where, value, DEEPEST)]
    while pending:
        place, item, left = pending.pop()
        if left and isinstance(item, Mapping):
            for name, inner in item.items():
                if SECRET_NAME.search(str(name)):
                    yield (
                        f"`{place}{name}` looks like a secret; keys are read from the environment "
                        "alone (`compute.api_key_env`)"
                    )
                pending.append((f"{place}{name}.", inner, left - 1))
        elif left and isinstance(item, list | tuple):
            pending += [(place, inner, left - 1) for inner in item]
        elif looks_secret(item):
            yield (
                f"the value of `{place.rstrip('.')}` looks like a secret; keys are read from the "
                "environment alone (`compute.api_key_env`)"
            )


def _plain(value: Any, where: str, left: int) -> Any:
    if not left:
        raise ValueError(f"`{where}` is nested more than {DEEPEST} deep")
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"`{where}` is {value}, which JSON cannot hold")
        return int(value) if value.is_integer() else value
    if isinstance(value, list | tuple):
        return [_plain(item, where, left - 1) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ValueError(f"the keys of `{where}` must be texts")
        return {
            name: _plain(item, f"{where}.{name}" if where else name, left - 1)
            for name, item in value.items()
        }
    raise ValueError(f"`{where}` is {value!r}, which is not a value of JSON")


Options = Annotated[dict[str, Any], AfterValidator(plain)]
"""A free mapping: what JSON can hold, and no secrets."""
