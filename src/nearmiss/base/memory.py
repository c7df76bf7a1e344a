"""Memory of processes that compute batches of one size many times."""

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of mallopt(3)
_LARGEST = 2**31 - 1


def keep_freed_memory() -> None:
    """Keep freed memory for the next allocation, instead of returning it to the system; nothing where glibc is absent.

    An image tower frees tensors of tens of megabytes and allocates them again for the next batch. By default glibc
    returns them in between, and the kernel clears every page anew: half of the CPU time of an EfficientNet's forward
    pass. It is for batches of one size only: texts of varying length fragment the kept memory, which then grows.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGEST)):
        mallopt(option, value)
