"""The codec `roundel` of zarr 3: chunks of pictures, with or without loss. Installing roundel registers it.

zarr.create_array(store, shape=…, chunks=…, dtype="uint8", serializer={"name": "roundel"}, compressors=None)
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.abc.codec import ArrayBytesCodec

from roundel.errors import RoundelError
from roundel.plugins.chunks import Settings, check_type, decode_chunk, encode_chunk, layout_of

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer

NAME = "roundel"


@dataclass(frozen=True, init=False)
class RoundelCodec(ArrayBytesCodec):
    """Array to bytes; see `Settings` for the arguments. Safe to share between threads and processes.

    Raises:
        RoundelError: an argument is not acceptable.

    Example:
        >>> RoundelCodec(quality=80).to_dict()
        {'name': 'roundel', 'configuration': {'quality': 80}}
    """

    settings: Settings
    is_fixed_size = False

    def __init__(
        self,
        *,
        quality: int | None = None,
        model: int | str | None = None,
        effort: int | None = None,
        tune: str | None = None,
        colour: bool = True,
    ) -> None:
        object.__setattr__(self, "settings", Settings(quality, model, effort, tune, colour))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "RoundelCodec":
        """From the metadata of an array. Raises: RoundelError, they are of another codec or hold something else."""
        if data.get("name") != NAME:
            raise RoundelError(f"metadata of the codec {data.get('name')!r}, expected {NAME!r}")
        return cls(**vars(Settings.of(data.get("configuration") or {})))

    def to_dict(self) -> dict[str, Any]:
        """As the metadata of an array hold it."""
        configuration = self.settings.to_dict()
        return {"name": NAME, "configuration": configuration} if configuration else {"name": NAME}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Raises: RoundelError, arrays of this type or with such chunks are not kept."""
        check_type(dtype.to_native_dtype())
        layout_of(tuple(getattr(chunk_grid, "chunk_shape", shape)), colour=self.settings.colour)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: "ArraySpec") -> int:
        """Nobody knows beforehand."""
        raise NotImplementedError

    def _encode_sync(self, chunk_data: "NDBuffer", chunk_spec: "ArraySpec") -> "Buffer":
        return chunk_spec.prototype.buffer.from_bytes(
            encode_chunk(np.ascontiguousarray(chunk_data.as_numpy_array()), self.settings)
        )

    def _decode_sync(self, chunk_data: "Buffer", chunk_spec: "ArraySpec") -> "NDBuffer":
        dtype = chunk_spec.dtype.to_native_dtype()
        chunk = decode_chunk(chunk_data.to_bytes(), chunk_spec.shape, dtype.newbyteorder("="), self.settings)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(chunk)

    async def _encode_single(self, chunk_data: "NDBuffer", chunk_spec: "ArraySpec") -> "Buffer":
        return await asyncio.to_thread(self._encode_sync, chunk_data, chunk_spec)

    async def _decode_single(self, chunk_data: "Buffer", chunk_spec: "ArraySpec") -> "NDBuffer":
        return await asyncio.to_thread(self._decode_sync, chunk_data, chunk_spec)
