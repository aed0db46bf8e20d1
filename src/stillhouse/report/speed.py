"""How fast each student answered where it was evaluated, from the run log."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def speed_lines(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each seed's latest evaluation, given the events `student` of the run log."""
    latest = {event["seed"]: event for event in events}
    for seed, event in sorted(latest.items()):
        yield (
            f"Student seed {seed} here ({event['device']}): {event['ms_per_row']:,.1f} ms for one "
            f"row, {event['rows_per_second']:,.1f} rows a second in batches, at most "
            f"{event['peak_mb']:,} MB of memory"
        )
