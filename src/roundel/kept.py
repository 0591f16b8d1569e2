"""What was decoded lately and may be wanted again, in bounded memory."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Forgets what was not asked for longest, once all together take more than `room_bytes`; safe among threads.

    >>> kept = Kept(10)
    >>> for number in range(3):
    ...     kept.put(number, str(number), 4)
    >>> kept.get(0), kept.get(2)
    (None, '2')
    """

    def __init__(self, room_bytes: int) -> None:
        self._room, self._held, self._lock = room_bytes, 0, threading.Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, or None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Remember a value; one that is larger than the room is not."""
        with self._lock:
            if key in self._values:
                self._held -= self._values.pop(key)[1]
            if size_bytes > self._room:
                return
            self._values[key] = value, size_bytes
            self._held += size_bytes
            while self._held > self._room:
                self._held -= self._values.popitem(last=False)[1][1]
