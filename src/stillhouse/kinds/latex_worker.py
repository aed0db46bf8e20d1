"""The process behind kind `latex`: a JSON request a line on standard input, a response a line back.

It ends with its input, so with the process that started it.
"""

import json
import logging
import re
import sys
from fractions import Fraction
from typing import Any

_REPEATING = re.compile(
    r"(?P<whole>[0-9]*)\.(?P<once>[0-9]*)\\(?:overline|bar)\{?(?P<cycle>[0-9]+)\}?"
)


def main() -> None:
    logging.disable(logging.CRITICAL)
    from math_verify import LatexExtractionConfig, parse, verify

    def read(formula: str) -> Any:
        # No time limits of its own (they need signals): the process that asks ends this one.
        return parse(
            f"${formula}$",
            extraction_config=[LatexExtractionConfig()],
            fallback_mode="no_fallback",
            extraction_mode="any_match",
            parsing_timeout=None,
        )

    def parsed(formula: str) -> Any:
        formula = _REPEATING.sub(_fraction, formula)
        found = read(formula)
        if not found and r"\pm" in formula:  # somewhere within: its two values
            upper = formula.replace(r"\pm", "+").replace(r"\mp", "-")
            lower = formula.replace(r"\pm", "-").replace(r"\mp", "+")
            found = read(f"{upper}, {lower}")
        return found

    def respond(request: dict[str, str]) -> str | bool | None:
        if "value" in request:
            found = parsed(request["value"])
            value = str(found[0]) if found else ""
            return value if value and not any(none in value for none in ("zoo", "nan")) else None
        gold, said = parsed(request["gold"]), parsed(request["said"])
        return bool(gold and said) and bool(verify(gold, said, timeout_seconds=None))

    print("ready", flush=True)
    for line in sys.stdin:
        try:
            response = respond(json.loads(line))
        except (Exception, RecursionError):  # whatever a formula does to it, it has no value
            response = None
        print(json.dumps(response), flush=True)


def _fraction(decimal: re.Match[str]) -> str:
    r"""`0.1\overline{6}` as `\frac{1}{6}`."""
    once, cycle = decimal["once"], decimal["cycle"]
    tail = Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(once))
    value = Fraction(f"{decimal['whole'] or 0}.{once or 0}") + tail
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


if __name__ == "__main__":
    main()
