"""Memory that stays with the process between training steps."""

import ctypes
import platform

# malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_memory() -> None:
    """Have freed blocks used again, where the C library is glibc.

    It hands large ones back to the system, which clears their pages for the next use: a tenth of
    the time of a training step on a CPU, whose tensors are all freed at its end.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(M_MMAP_MAX, 0)
    library.mallopt(M_TRIM_THRESHOLD, -1)
    library.mallopt(M_TOP_PAD, 64 << 20)
