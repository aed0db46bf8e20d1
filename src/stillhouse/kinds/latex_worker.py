"""The process behind kind `latex`: a JSON request a line on standard input, a reply a line back.

It ends with its input, so with the process that started it.
"""

import json
import logging
import sys
from typing import Any


def main() -> None:
    logging.disable(logging.CRITICAL)
    from math_verify import LatexExtractionConfig, parse, verify

    def parsed(formula: str) -> Any:
        # No time limits of its own (they need signals): the process that asks ends this one.
        return parse(
            f"${formula}$",
            extraction_config=[LatexExtractionConfig()],
            fallback_mode="no_fallback",
            extraction_mode="any_match",
            parsing_timeout=None,
        )

    def reply(request: dict[str, str]) -> str | bool | None:
        if "value" in request:
            found = parsed(request["value"])
            value = str(found[0]) if found else ""
            return value if value and not any(none in value for none in ("zoo", "nan")) else None
        gold, said = parsed(request["gold"]), parsed(request["said"])
        return bool(gold and said) and bool(verify(gold, said, timeout_seconds=None))

    print("ready", flush=True)
    for line in sys.stdin:
        try:
            answer = reply(json.loads(line))
        except (Exception, RecursionError):  # whatever a formula does to it, it has no value
            answer = None
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
