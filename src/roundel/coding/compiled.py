"""The C coder, where it was built: the same bytes as `plain`, many times faster, and without the interpreter's lock.

`ROUNDEL_CODER=plain` in the environment chooses the plain coder all the same, for tests and to find faults.
"""

import os
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roundel.coding.tables import Tables
from roundel.errors import FormatError

_native: ModuleType | None
try:
    _native = import_module("roundel.coding._native")
except ImportError:  # no C compiler when the package was installed
    _native = None


def native() -> ModuleType | None:
    """The C module, or None where it is missing or not wanted."""
    return None if os.environ.get("ROUNDEL_CODER") == "plain" else _native


class Writer:
    """Encodes lists of symbols into one stream. Args: module: from `native`."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.stream = module.Writer()

    def put(self, symbols: NDArray[np.int32], index: NDArray[np.int32], tables: Tables) -> None:
        """Append a list; arguments checked."""
        self.stream.put(symbols, index, tables.native)

    def put_dependent(
        self, values: NDArray[np.int32], index: NDArray[np.int32], second: int, tables: Tables
    ) -> None:  # fmt: skip
        """Append a dependent list; arguments checked."""
        try:
            self.stream.put(values, index, tables.native, second)
        except self.module.Damaged:
            raise ValueError("a value is none of the quantiser that is on") from None

    def close(self) -> bytes:
        """See `stream.Writer.close`."""
        return self.stream.close()


class Reader:
    """Decodes what a Writer wrote, given the same tables and indices. Args: module: from `native`."""

    def __init__(self, data: bytes, module: ModuleType) -> None:
        self.module = module
        self.stream = module.Reader(data)

    def take(self, index: NDArray[np.int32], tables: Tables) -> NDArray[np.int32]:
        """The next list; arguments checked. Raises: FormatError."""
        return self._taken(index, tables.native)

    def take_dependent(self, index: NDArray[np.int32], second: int, tables: Tables) -> NDArray[np.int32]:
        """The next dependent list; arguments checked. Raises: FormatError."""
        return self._taken(index, tables.native, second)

    def take_details(
        self,
        said: NDArray[np.uint8],
        level: Sequence[NDArray[Any]],
        by: Sequence[NDArray[Any]],
        tables: Tables,
        place: Sequence[int],
    ) -> int:
        """A group of a level's coefficients, its shift first: `details.h` says what the arguments are.

        Returns:
            0, or 1 where a value exceeds its limit, 2 where the shift does.

        Raises:
            FormatError: the bytes are not the code of such a group.
        """
        try:
            found: int = self.module.take_details(self.stream, said, *level, *by, tables.native, *place)
            return found
        except (self.module.Damaged, self.module.Beyond) as error:
            raise FormatError(_damage(error)) from None

    def _taken(self, index: NDArray[np.int32], *by: Any) -> NDArray[np.int32]:
        symbols = np.empty(index.size, np.int32)
        try:
            self.stream.take(symbols, index, *by)
        except (self.module.Damaged, self.module.Beyond) as error:
            raise FormatError(_damage(error)) from None
        return symbols


class Readers:
    """Decodes what as many Writers wrote, lists of one length from each. Args: module: from `native`."""

    def __init__(self, streams: Sequence[bytes], module: ModuleType) -> None:
        self.module = module
        self.streams = [module.Reader(data) for data in streams]

    def take(self, index: NDArray[np.int32], tables: Tables) -> NDArray[np.int32]:
        """The next lists, one after the other; arguments checked. Raises: FormatError."""
        symbols = np.empty(index.size, np.int32)
        try:
            self.module.take_each(self.streams, symbols, index, tables.native)
        except (self.module.Damaged, self.module.Beyond) as error:
            raise FormatError(_damage(error)) from None
        return symbols


def _damage(error: Exception) -> str:
    return f"coded data holds {error}; the file is damaged"
