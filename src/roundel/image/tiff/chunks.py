"""The samples of one strip or tile of a TIFF.

Bytes of the compressions that Python itself does not know, and pixels of fax and JPEG, come from libtiff, which Pillow
brings: each part is handed to it as a small TIFF of its own, so that neither Pillow's choice of modes nor its limits
have a say in what the samples are.
"""

import io
import zlib
from itertools import accumulate
from typing import BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin, WebPImagePlugin

from roundel.errors import ImageError
from roundel.image.tiff.directory import LONG, SHORT, Directory, Entry, Tree, integers, lay_out
from roundel.image.tiff.layout import (
    BYTE_CODES,
    DEFLATE,
    JPEG,
    OPTIONAL,
    PIXEL_CODES,
    RAW,
    UNKNOWN_COUNT,
    WEBP,
    YCBCR,
    Layout,
)

_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1], axis=1)[:, 0]
_BAND_SAMPLES = 2**20
_BYTES_TOGETHER = 2**18
_CODING_TAGS = (292, 293, 347, 529, 530, 531, 532)  # of fax, JPEG, YCbCr


def strips_together(layout: Layout) -> int:
    """How many strips are best read at once: libtiff takes its time for each time that it is asked."""
    if layout.tiled or layout.compression not in BYTE_CODES - set(DEFLATE):
        return 1
    return max(1, _BYTES_TOGETHER // (layout.chunk_height * layout.row_bytes))


def read_chunk(file: BinaryIO, directory: Directory, layout: Layout, number: int, together: int = 1) -> np.ndarray:
    """The samples of a tile, or of some strips, as they are stored, uint8 or uint16 (rows, chunk width, samples).

    The last strip may have fewer rows than the others.

    Args:
        number: of the first of them. together: strips, as `strips_together` says, or those that are left.

    Raises:
        ImageError: it ends early, or does not decompress.
    """
    down, across = divmod(number % (layout.across * layout.down), layout.across)
    rows = layout.chunk_height
    if not layout.tiled:
        rows = min(rows * together, layout.height - down * layout.chunk_height)
    numbers = range(number, number - (-rows // layout.chunk_height))
    parts = [_stored(file, layout, one) for one in numbers]
    if not all(parts):  # one that was never written, as GDAL leaves it
        if len(parts) > 1:
            return np.concatenate([read_chunk(file, directory, layout, one) for one in numbers])
        dtype = np.uint8 if layout.bits <= 8 else np.uint16
        return np.zeros((rows, layout.chunk_width, layout.chunk_samples), dtype)
    if layout.compression in PIXEL_CODES:
        return _pixels(parts, directory, layout, rows)
    data, expected = parts[0], rows * layout.row_bytes
    if layout.compression in DEFLATE:
        data = _inflate(data, expected)
    elif layout.compression in BYTE_CODES:
        data = _bytes(parts, layout, rows)
    if len(data) < expected:
        part = f"{'tile' if layout.tiled else 'strip'} {number} (column {across}, row {down})"
        raise ImageError(f"truncated: {part} has {len(data)} of {expected} bytes; get a whole copy of the file")
    table = np.frombuffer(data, np.uint8, expected).reshape(rows, layout.row_bytes)
    samples = _unpack(table, layout).reshape(rows, layout.chunk_width, layout.chunk_samples)
    return np.cumsum(samples, axis=1, dtype=samples.dtype) if layout.predicted else samples


def _stored(file: BinaryIO, layout: Layout, number: int) -> bytes:
    """The bytes of a strip or tile, the highest bit of each first; none where it was never written."""
    count = int(layout.counts[number])
    largest = layout.chunk_height * layout.row_bytes if layout.compression == RAW else 2**31 - 1
    if count == 0:
        return b""
    file.seek(int(layout.offsets[number]))
    data = file.read(min(count, largest))
    if not data:
        raise ImageError(f"truncated: the part {number} lies behind the end of the file; get a whole copy of it")
    if layout.compression in PIXEL_CODES and len(data) < count < UNKNOWN_COUNT:  # libtiff fills up with grey
        raise ImageError(f"truncated: the part {number} has {len(data)} of {count} bytes; get a whole copy of the file")
    if layout.reversed_bits and layout.compression not in PIXEL_CODES:
        return _REVERSED[np.frombuffer(data, np.uint8)].tobytes()
    return data


def _inflate(data: bytes, expected: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, expected)
    except zlib.error as error:
        raise ImageError(f"a part of the TIFF does not inflate ({error}); get a whole copy of the file") from error


def _unpack(table: np.ndarray, layout: Layout) -> np.ndarray:
    """Samples (rows, samples of a row) of packed ones, uint8 (rows, bytes of a row)."""
    width, bits = layout.chunk_width * layout.chunk_samples, layout.bits
    if bits == 8:
        return table
    if bits == 16:
        return table.view(layout.order + "u2").astype(np.uint16)
    out = np.zeros((len(table), width), np.uint8 if bits < 8 else np.uint16)
    band = max(1, _BAND_SAMPLES // width)
    for top in range(0, len(table), band):
        spread = np.unpackbits(table[top : top + band], axis=1)[:, : width * bits].reshape(-1, width, bits)
        for place in range(bits):  # the highest bit first, whatever the byte order
            out[top : top + band] = out[top : top + band] << 1 | spread[:, :, place]
    return out


def _bytes(parts: list[bytes], layout: Layout, rows: int) -> bytes:
    """Decompressed bytes of parts: to libtiff they are a grey picture as wide as a row has bytes."""
    tree = {
        256: integers("<", LONG, layout.row_bytes),
        257: integers("<", LONG, rows),
        258: integers("<", SHORT, 8),
        262: integers("<", SHORT, 1),
        277: integers("<", SHORT, 1),
    }
    return _through_libtiff(parts, tree, "<", layout.compression, layout.chunk_height).tobytes()


def _pixels(parts: list[bytes], directory: Directory, layout: Layout, rows: int) -> np.ndarray:
    """Decoded pixels of a part; libtiff turns YCbCr into RGB."""
    if layout.bits > 8 or (layout.bits != 8 and layout.compression in (JPEG, WEBP)):
        raise ImageError(f"{layout.bits}-bit samples under compression {layout.compression} are not supported")
    samples = layout.chunk_samples
    if layout.compression == WEBP:
        return _fitting(_webp(parts[0]), layout, rows)
    if layout.photometric == YCBCR and layout.planar:
        raise ImageError("a TIFF of YCbCr in separate planes is not supported; convert it to RGB")
    colours = 2 if samples >= 3 else 1
    tree: dict[int, Entry] = {
        256: integers(layout.order, LONG, layout.chunk_width),
        257: integers(layout.order, LONG, rows),
        258: integers(layout.order, SHORT, *[layout.bits] * samples),
        262: integers(layout.order, SHORT, YCBCR if layout.photometric == YCBCR else colours),
        266: integers(layout.order, SHORT, 2 if layout.reversed_bits else 1),
        277: integers(layout.order, SHORT, samples),
    }
    if samples in (2, 4):
        tree[338] = integers(layout.order, SHORT, 2)
    tree |= {tag: directory.entry(tag) for tag in _CODING_TAGS if tag in directory}
    found = _through_libtiff(parts, tree, layout.order, layout.compression, rows)
    return _fitting(found.astype(np.uint8) if found.dtype == bool else found, layout, rows)


def _fitting(found: np.ndarray, layout: Layout, rows: int) -> np.ndarray:
    """Decoded pixels in the shape of a part. Raises: ImageError where they are others than the directory says."""
    shape = (rows, layout.chunk_width, layout.chunk_samples)
    if found.size != rows * layout.chunk_width * layout.chunk_samples:
        raise ImageError(f"a part of the TIFF decodes to {found.shape}, not {shape}; it is damaged")
    return found.reshape(shape)


def _webp(data: bytes) -> np.ndarray:
    """A part that is a WebP file of its own, which the libtiff of Pillow does not read."""
    image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    image.load()
    return np.asarray(image)


def _through_libtiff(parts: list[bytes], tree: Tree, order: str, compression: int, rows: int) -> np.ndarray:
    """What libtiff makes of parts of so many rows each, the last of them with what is left."""
    data = b"".join(parts)
    place = 8 + len(data) + len(data) % 2
    lengths = [len(part) for part in parts]
    whole = {
        **tree,
        259: integers(order, SHORT, compression),
        273: integers(order, LONG, *accumulate(lengths[:-1], initial=8)),
        278: integers(order, LONG, rows),
        279: integers(order, LONG, *lengths),
    }
    head = (b"II*\0" if order == "<" else b"MM\0*") + place.to_bytes(4, "little" if order == "<" else "big")
    file = io.BytesIO(head + data.ljust(place - 8, b"\0") + lay_out(whole, order, place))
    image = TiffImagePlugin.TiffImageFile(file)
    image.im = Image.new(image.mode, image.size).im  # else Pillow's own limit of pixels has its say
    try:
        image.load()
    except OSError as error:
        if compression in OPTIONAL:
            raise ImageError(
                f"a part of the TIFF does not decompress ({error}): it is damaged, or the libtiff of this Pillow lacks "
                f"compression {compression} ({OPTIONAL[compression]}); update Pillow, or store it with deflate"
            ) from error
        raise ImageError(f"a part of the TIFF is damaged ({error}); get a whole copy of the file") from error
    return np.asarray(image)
