"""Timing on machines that others use too."""

import time
from collections.abc import Callable


def fastest_s(call: Callable[[], object], repeats: int = 7) -> float:
    """Processor seconds of the fastest of several runs on one thread, after one to warm up."""
    call()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best
