"""The codec `roundel` of numcodecs, for zarr of format 2 and all else that takes numcodecs. Installing registers it.

zarr.create_array(store, shape=…, chunks=…, dtype="uint8", zarr_format=2, compressors=Roundel(quality=80))
"""

from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_ndarray, ndarray_copy

from roundel.plugins.chunks import Settings, decode_chunk, encode_chunk


class Roundel(Codec):  # type: ignore[misc]  # numcodecs has no types
    """Arrays to bytes; see `Settings` for the arguments. Filters before it must leave arrays, not bytes.

    Raises:
        RoundelError: an argument is not acceptable.

    Example:
        >>> codec = Roundel()
        >>> codec.decode(codec.encode(np.full((2, 3), 7, np.uint8)))
        array([[7, 7, 7],
               [7, 7, 7]], dtype=uint8)
    """

    codec_id = "roundel"

    def __init__(
        self,
        quality: int | None = None,
        model: int | str | None = None,
        effort: int | None = None,
        tune: str | None = None,
        colour: bool = True,
    ) -> None:
        self._settings = Settings(quality, model, effort, tune, colour)

    def get_config(self) -> dict[str, Any]:
        """As the metadata of an array hold it."""
        return {"id": self.codec_id, **self._settings.to_dict()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Roundel":
        """From the metadata of an array. Raises: RoundelError, they hold something else."""
        return cls(**vars(Settings.of({key: value for key, value in config.items() if key != "id"})))

    def encode(self, buf: Any) -> bytes:
        """The bytes of an array. Raises: RoundelError, its type or shape is not kept."""
        return encode_chunk(np.asarray(buf), self._settings)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The array, into `out` if it is given. Raises: RoundelError, the bytes are damaged."""
        chunk = decode_chunk(ensure_bytes(buf), settings=self._settings)
        return chunk if out is None else ndarray_copy(chunk, ensure_ndarray(out))

    def __repr__(self) -> str:
        return f"Roundel({', '.join(f'{key}={value!r}' for key, value in self._settings.to_dict().items())})"
