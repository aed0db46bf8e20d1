"""Where every benchmark puts its figures."""

import json
from pathlib import Path

from stillhouse.core.files import write_json

RESULTS = Path(__file__).with_name("results.json")


def record(name: str, value: float, unit: str, *, baseline: float | None = None) -> None:
    """Print one figure, and add it to `bench/results.json`; a repeated name is replaced.

    `baseline` is the same work done the plain way in the same run, in the same unit.
    """
    ratio = value / baseline if baseline else None
    beside = f" (baseline {baseline:,.4g}, ratio {ratio:.2f})" if ratio is not None else ""
    print(f"{name}: {value:,.4g} {unit}{beside}", flush=True)
    figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    kept = [figure for figure in figures if figure["name"] != name]
    new = {"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio}
    write_json(RESULTS, sorted([*kept, new], key=lambda figure: figure["name"]))
