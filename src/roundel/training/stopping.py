"""Ctrl-C and SIGTERM during a training: the step is finished and the checkpoint written before the program ends."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Stopping:
    """Within it, the first SIGINT or SIGTERM is noted in `signal`; a second one acts as ever.

    Outside the main thread, where Python takes no handlers, signals act as ever.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Stopping":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
