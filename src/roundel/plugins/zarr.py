"""The codec `roundel` of zarr 3: chunks of pictures, with or without loss. Installing roundel registers it.

zarr.create_array(store, shape=…, chunks=…, dtype="uint8", serializer={"name": "roundel"}, compressors=None)
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.abc.codec import ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin

from roundel.errors import RoundelError
from roundel.plugins.chunks import Settings, axes_of, check_type, decode_chunk, encode_chunk, layout_of
from roundel.tiling import Rect

if TYPE_CHECKING:
    from zarr.abc.store import ByteGetter
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
    from zarr.core.indexing import SelectorTuple

NAME = "roundel"


@dataclass(frozen=True, init=False)
class RoundelCodec(ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin):
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
        return self._decode_part(chunk_data, ..., chunk_spec)

    def _decode_part(self, chunk_data: "Buffer", selection: Any, chunk_spec: "ArraySpec") -> "NDBuffer":
        """What is selected of a chunk; of a rectangle in one plane only the tiles that it touches are decoded."""
        dtype, shape = chunk_spec.dtype.to_native_dtype().newbyteorder("="), chunk_spec.shape
        part, rest = split(selection, shape, colour=self.settings.colour)
        chunk = decode_chunk(chunk_data.to_bytes(), shape, dtype, self.settings, part)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(chunk[rest])

    async def _encode_single(self, chunk_data: "NDBuffer", chunk_spec: "ArraySpec") -> "Buffer":
        return await asyncio.to_thread(self._encode_sync, chunk_data, chunk_spec)

    async def _decode_single(self, chunk_data: "Buffer", chunk_spec: "ArraySpec") -> "NDBuffer":
        return await asyncio.to_thread(self._decode_sync, chunk_data, chunk_spec)

    async def _decode_partial_single(
        self, byte_getter: "ByteGetter", selection: "SelectorTuple", chunk_spec: "ArraySpec"
    ) -> "NDBuffer | None":
        data = await byte_getter.get(prototype=chunk_spec.prototype)
        return None if data is None else await asyncio.to_thread(self._decode_part, data, selection, chunk_spec)


def split(selection: Any, shape: tuple[int, ...], *, colour: bool) -> tuple[Rect | None, Any]:
    """A selection from a chunk as a rectangle of its picture, and what is to be selected from that.

    Returns:
        None where the selection or the chunk is of another kind, and the selection as it is.

    Example:
        >>> split((slice(5, 9), slice(0, 7), 2), (64, 48, 3), colour=True)
        (Rect(top=5, left=0, height=4, width=7), (slice(None, None, None), slice(None, None, None), 2))
    """
    layout = layout_of(shape, colour=colour)
    if layout.planes != 1 or not isinstance(selection, tuple) or len(selection) != len(shape):
        return None, selection
    rows, columns = axes_of(shape, layout)
    cuts = selection[rows], selection[columns]
    if not all(isinstance(cut, slice) and cut.step in (None, 1) for cut in cuts):
        return None, selection
    (top, bottom, _), (left, right, _) = (
        cut.indices(length) for cut, length in zip(cuts, (layout.height, layout.width), strict=True)
    )
    if bottom <= top or right <= left:
        return None, selection
    whole = slice(None)
    return Rect(top, left, bottom - top, right - left), (*selection[:rows], whole, whole, *selection[columns + 1 :])
