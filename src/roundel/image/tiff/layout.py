"""How a TIFF stores its samples, and which ways of it can be read."""

from dataclasses import dataclass

import numpy as np

from roundel.errors import ImageError
from roundel.image.tiff.directory import Directory

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
RAW, OLD_JPEG, JPEG, WEBP, DEFLATE = 1, 6, 7, 50001, (8, 32946)
UNKNOWN_COUNT = 2**62
BYTE_CODES = frozenset({5, 8, 32773, 32946, 34925, 50000})
"""Compressions of bytes: LZW, deflate, PackBits, LZMA, zstd."""
PIXEL_CODES = frozenset({2, 3, 4, JPEG, 32771, WEBP})
"""Compressions of pixels: CCITT fax, JPEG, WebP."""
OPTIONAL = {34925: "LZMA", 50000: "zstd"}
"""What libtiff may be built without."""
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3}
_OTHER_COLOURS = {
    4: "transparency mask", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32803: "colour filter array", 32844: "LogL",
    32845: "LogLuv", 34892: "linear raw",
}  # fmt: skip
_OTHER_CODES = {
    9: "JBIG", 10: "JBIG", 22610: "JPEG XR", 32809: "ThunderScan", 32908: "PixarFilm", 32909: "PixarLog",
    33003: "JPEG 2000, YCbCr", 33004: "JPEG 2000", 33005: "JPEG 2000, RGB", 34661: "JBIG", 34676: "SGILog",
    34677: "SGILog24", 34712: "JPEG 2000", 34713: "Nikon NEF", 34887: "LERC", 34892: "lossy JPEG of a DNG",
    34933: "PNG", 34934: "JPEG XR", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
_OTHER_FORMATS = {2: "signed integers", 3: "floating point", 5: "complex integers", 6: "complex floating point"}


@dataclass(frozen=True)
class Layout:
    """Samples of one directory, stored as chunks: strips, or tiles.

    Args:
        width, height: px. bits: of a sample, 1..16. samples: of a pixel. colours: those of them that are colour.
        extra: what a further sample is: 0 unspecified, 1 associated alpha, 2 alpha; None without one.
        photometric, compression: TIFF's numbers. planar: whether each chunk has the samples of one channel.
        predicted: whether samples are differences along rows. reversed_bits: the lowest bit of a byte comes first.
        chunk_width, chunk_height: px. offsets, counts: of each chunk in the file, bytes, int64 (chunks,).
        order: byte order.
    """

    width: int
    height: int
    bits: int
    samples: int
    colours: int
    extra: int | None
    photometric: int
    compression: int
    planar: bool
    predicted: bool
    reversed_bits: bool
    tiled: bool
    chunk_width: int
    chunk_height: int
    offsets: np.ndarray
    counts: np.ndarray
    order: str

    @property
    def across(self) -> int:
        """Chunks beside each other."""
        return -(-self.width // self.chunk_width)

    @property
    def down(self) -> int:
        """Chunks below each other."""
        return -(-self.height // self.chunk_height)

    @property
    def chunk_samples(self) -> int:
        """Samples of a pixel in one chunk."""
        return 1 if self.planar else self.samples

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of a chunk."""
        return -(-self.chunk_width * self.chunk_samples * self.bits // 8)


def layout_of(directory: Directory) -> Layout:
    """The layout of a directory's picture.

    Raises:
        ImageError: it is of a kind that cannot be read, which is named, or contradicts itself.
    """
    width, height = directory.integer(256, 0), directory.integer(257, 0)
    if width < 1 or height < 1:
        raise ImageError(f"a TIFF of {width}×{height} pixels; its directory is damaged")
    compression = directory.integer(259, RAW)
    if compression not in {RAW, OLD_JPEG} | BYTE_CODES | PIXEL_CODES:
        raise _unsupported("compression", compression, _OTHER_CODES)
    samples = directory.integer(277, 1)
    photometric = directory.integer(262, RGB if samples >= 3 else BLACK_IS_ZERO)
    if photometric not in _COLOURS:
        raise _unsupported("colours, photometric interpretation", photometric, _OTHER_COLOURS)
    bits, extra = _samples(directory, samples, _COLOURS[photometric])
    if photometric == YCBCR and compression not in (JPEG, OLD_JPEG):
        raise ImageError("a TIFF of YCbCr without JPEG is not supported; convert it to RGB first")
    if photometric == CMYK and directory.integer(332, 1) != 1:
        raise ImageError("a TIFF of inks other than CMYK is not supported; convert it to RGB")
    predictor = directory.integer(317, 1) if compression in BYTE_CODES else 1
    if predictor not in (1, 2) or (predictor == 2 and bits not in (8, 16)):
        raise ImageError(f"predictor {predictor} of {bits}-bit samples of this TIFF is not supported")
    tiled = 322 in directory
    chunk_width, chunk_height = (directory.integer(322, 0), directory.integer(323, 0)) if tiled else (width, height)
    if not tiled:
        chunk_height = min(directory.integer(278, height), height)
    if chunk_width < 1 or chunk_height < 1:
        raise ImageError(f"a TIFF with parts of {chunk_width}×{chunk_height} pixels; its directory is damaged")
    planar = directory.integer(284, 1) == 2 and samples > 1
    offsets, counts = directory.integers(324 if tiled else 273), directory.integers(325 if tiled else 279)
    if offsets is None and tiled:  # some writers use the tags of strips
        offsets, counts = directory.integers(273), directory.integers(279)
    chunks = -(-width // chunk_width) * -(-height // chunk_height) * (samples if planar else 1)
    if offsets is None and compression != OLD_JPEG:
        raise ImageError("a TIFF that does not say where its samples lie; it is damaged")
    offsets = np.zeros(chunks, np.int64) if offsets is None else offsets
    if counts is None:  # TIFF 5 did not ask for it: up to the next part, or to the end of what is there
        counts = np.append(np.diff(offsets), UNKNOWN_COUNT)
    if min(len(offsets), len(counts)) < chunks and compression != OLD_JPEG:
        raise ImageError(
            f"a TIFF of {chunks} parts that says where {min(len(offsets), len(counts))} lie; it is damaged"
        )
    return Layout(
        width=width,
        height=height,
        bits=bits,
        samples=samples,
        colours=_COLOURS[photometric],
        extra=extra,
        photometric=photometric,
        compression=compression,
        planar=planar,
        predicted=predictor == 2,
        reversed_bits=directory.integer(266, 1) == 2,
        tiled=tiled,
        chunk_width=chunk_width,
        chunk_height=chunk_height,
        offsets=offsets,
        counts=counts,
        order=directory.order,
    )


def _samples(directory: Directory, samples: int, colours: int) -> tuple[int, int | None]:
    """Bits of a sample, and what the sample behind the colours is."""
    found = directory.integers(258)
    every = {1} if found is None else {int(value) for value in found[:samples]}
    formats = directory.integers(339)
    for number in () if formats is None else sorted({int(value) for value in formats[:samples]}):
        if number not in (1, 4):
            raise _unsupported(f"{max(every)}-bit samples, format", number, _OTHER_FORMATS)
    if len(every) > 1 or not 1 <= max(every) <= 16:
        shown = " and ".join(map(str, sorted(every)))
        raise ImageError(f"{shown}-bit samples of this TIFF are not supported; convert it to 8 or 16 bits")
    further = samples - colours
    if not 0 <= further <= 1:
        raise ImageError(
            f"{samples} samples a pixel, where {colours} or {colours + 1} are supported; split the channels"
        )
    return max(every), directory.integer(338, 0) if further else None


def _unsupported(what: str, number: int, names: dict[int, str]) -> ImageError:
    name = f" ({names[number]})" if number in names else ""
    return ImageError(f"{what} {number}{name} of this TIFF is not supported; convert it to plain RGB or grey first")
