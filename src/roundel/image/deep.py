"""Sixteen-bit colour, which Pillow would silently cut to eight bits: PNG, TIFF and PNM in, PNG and PNM out."""

import re
import struct
import sys
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import ImageFile, TiffImagePlugin

from roundel.errors import ImageError

_PNM_HEADER = re.compile(rb"P([56])(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)\s")
_OTHER_BYTE = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L"}


def raw_mode(image: ImageFile.ImageFile) -> str:
    """The packing of an opened, not yet loaded, picture's samples in its file, in Pillow's words ("RGB;16B")."""
    args = image.tile[0].args if image.tile else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether Pillow would reduce this picture's 16-bit colour samples to eight bits.

    Raises:
        ImageError: It would, and we cannot do better: a TIFF that stores each channel as a plane.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        planar, bits = image.tag_v2.get(284, 1) == 2, image.tag_v2.get(258, (1,))
        if planar and max(bits) > 8 and len(bits) > 1:
            raise ImageError("a 16-bit TIFF of separate planes is not supported; store its channels interleaved")
    return raw_mode(image).startswith(("RGB;16", "RGBA;16", "RGBX;16", "RGBa;16", "LA;16"))


def read_deep(high: ImageFile.ImageFile, low: ImageFile.ImageFile) -> np.ndarray:
    """The samples of a 16-bit PNG or TIFF of colour, or of grey with alpha.

    Pillow's unpackers keep one byte of each sample. Decoding twice, the second time with the other byte order in the
    packing's name, gives both.

    Args:
        high: The picture, opened and not loaded.
        low: The same, opened a second time.

    Returns:
        uint16 (H, W, C), C = 2 (grey, alpha), 3 or 4.
    """
    packing = raw_mode(high)
    if packing.startswith("RGBa"):
        raise ImageError("16-bit colour with premultiplied alpha is not supported; store straight alpha")
    if packing == "LA;16B":  # four bytes a pixel, which "RGBA" hands over as they are
        _repack(high, "RGBA")
        high.load()
        return np.asarray(high).view(">u2").astype(np.uint16)
    _repack(low, packing[:-4] + _OTHER_BYTE[packing[-4:]])
    high.load()
    low.load()
    return (np.asarray(high).astype(np.uint16) << 8) | np.asarray(low)


def _repack(image: ImageFile.ImageFile, packing: str) -> None:
    image.tile = [
        tile._replace(args=(packing, *tile.args[1:]) if isinstance(tile.args, tuple) else packing)
        for tile in image.tile
    ]


def pnm_size(head: bytes) -> tuple[int, int] | None:
    """Width and height of a binary 16-bit PGM or PPM; None for anything else."""
    found = _PNM_HEADER.match(head)
    if found is None or not 255 < int(found[4]) < 65536:
        return None
    return int(found[2]), int(found[3])


def read_pnm(data: bytes) -> np.ndarray:
    """The samples of a binary 16-bit PGM or PPM, scaled to 0..65535: uint16 (H, W, 1 or 3)."""
    found = _PNM_HEADER.match(data)
    assert found is not None
    width, height, largest = (int(found[i]) for i in (2, 3, 4))
    channels = 3 if found[1] == b"6" else 1
    count = width * height * channels
    if len(data) - found.end() < 2 * count:
        raise ImageError(f"truncated: {2 * count} bytes of samples expected, {len(data) - found.end()} found")
    samples = np.frombuffer(data, ">u2", count, found.end()).reshape(height, width, channels)
    if largest == 65535:
        return samples.astype(np.uint16)
    if int(samples.max(initial=0)) > largest:
        raise ImageError(f"a sample of {int(samples.max())} exceeds the file's own maximum of {largest}")
    return ((samples.astype(np.uint64) * 65535 + largest // 2) // largest).astype(np.uint16)


def pnm_bytes(samples: np.ndarray) -> bytes:
    """A binary 16-bit PGM or PPM of uint16 (H, W, 1 or 3)."""
    height, width, channels = samples.shape
    kind = {1: "P5", 3: "P6"}[channels]
    return f"{kind}\n{width} {height}\n65535\n".encode() + samples.astype(">u2").tobytes()


def png_bytes(samples: np.ndarray, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A 16-bit PNG.

    Args:
        samples: uint16 (H, W, C), C = 1 (grey), 2 (grey, alpha), 3 or 4.
        chunks: Further chunks (type, content), written before the samples.
    """
    height, width, channels = samples.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = samples.astype(">u2").view(np.uint8).reshape(height, -1)
    up = np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8))  # filter 2, modulo 256
    left = rows.copy()  # filter 1
    left[:, 2 * channels :] -= rows[:, : -2 * channels]
    cost_up = np.abs(up.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64)
    cost_left = np.abs(left.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64)
    better = cost_left < cost_up
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = np.where(better, 1, 2)
    filtered[:, 1:] = np.where(better[:, None], left, up)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
