"""What `dvc repro > log` leaves to read: whole lines, each once."""

import pytest


@pytest.mark.slow
def test_a_log_has_no_bars_and_no_line_twice(workspace):
    output = workspace.dvc("repro", "--force", "--single-item", "embed", "baseline")
    assert "\r" not in output
    assert "0/0" not in output
    told = [line for line in output.splitlines() if "/" in line and " in " in line]
    assert sorted(line.partition(":")[0] for line in told) == ["Embed queries", "Predict"]
