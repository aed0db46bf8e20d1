"""What `stillhouse check` warns of: what DVC would pass over or not keep."""

import pytest

from stillhouse.config.unseen import warnings
from tests.conftest import REPOSITORY


def test_no_shipped_entry_is_one_that_dvc_cannot_keep():
    assert [line for line in warnings(REPOSITORY) if "dvc.lock" in line] == []


@pytest.mark.parametrize("kept", [True, False])
def test_a_text_that_dvcs_lock_breaks_is_named(tmp_path, kept):
    """It breaks long texts of several lines within an escaped backslash."""
    line = "A: \\( 2\\sqrt{3} \\) is the root of twelve, and \\( \\frac{1}{2} \\) is a half.\n"
    text = "one line" if kept else "".join(f"Q: {n}\n{line}" for n in range(40))
    folder = tmp_path / "conf/prompt"
    folder.mkdir(parents=True)
    indented = text.replace("\n", "\n  ")
    (folder / "mine.yaml").write_text(f"description: x\nquery: |\n  {indented}\n", encoding="utf-8")
    found = [line for line in warnings(tmp_path) if "dvc.lock" in line]
    assert len(found) == (0 if kept else 1)
    if found:
        assert "conf/prompt/mine.yaml: DVC cannot keep `query`" in found[0]
