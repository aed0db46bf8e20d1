"""torch told to do without some of the processor's instructions computes all the same."""

import os
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

ATTENTION = """
import stillhouse.modeling, torch
states = torch.randn(1, 4, 64, 16).bfloat16()
for length in (1, 8, 64):
    asked = states[:, :, :length]
    found = torch.nn.functional.scaled_dot_product_attention(asked, states, states)
    assert found.isfinite().all()
"""


@pytest.mark.parametrize("capability", ["default", "avx2"])
def test_attention_in_bfloat16(capability: str):
    subprocess.run(
        [sys.executable, "-c", ATTENTION],
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "ATEN_CPU_CAPABILITY": capability},
    )
