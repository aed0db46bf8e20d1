"""Freed memory is used again without asking the system for it."""

import os
import platform
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

FAULTS = """
import resource, torch
from stillhouse.modeling.memory import keep_memory
keep_memory()
def step():
    blocks = [torch.ones(size) for size in (1_000_000, 20_000_000, 300_000)]
# Small objects between the blocks move them once or twice before the heap settles.
for _ in range(10):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back so")
def test_later_steps_fault_no_pages_in():
    # In a process of its own: the setting holds for the whole process.
    found = subprocess.run(
        [sys.executable, "-c", FAULTS],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
    )
    assert int(found.stdout) < 1000  # of 20,000 pages
