"""What a file may say: the magic, the header's fields and their ranges, the boxes."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from roundel.errors import FormatError, UnsupportedError

MAGIC = b"\x89RND\r\n\x1a\n"
VERSION = 1

MAX_SIDE = 2**31 - 1
MAX_PASSES = 16
MAX_BOXES = 64
MAX_CELLS = 2**22  # (tile, pass) pairs of an index: bounds what a small hostile file can make a reader allocate
MAX_GROUP = 2**16 - 1
PREFIX_BYTES = 1024  # the header section always ends within these
PACK_TILE_PX = 0  # Header.tile_px of a pack, whose images are not tiled


class Kind(IntEnum):
    """What the payload holds."""

    LOSSY = 0
    LOSSLESS = 1
    TOKENS = 2
    CLASSICAL = 3


CRITICAL = 0x80  # tag bit: a reader that does not know the tag must refuse the file
TRAILING = 0x40  # tag bit: the data lie after the payload instead of before it


class Tag(IntEnum):
    """Boxes known to this version; each at most once."""

    ICC = 0x01
    ORIGINAL_DEPTH = 0x02
    COLOUR = 0x03
    RESOLUTION = 0x04
    SAMPLE_MAX = 0x05
    GREY = 0x06
    EXIF = TRAILING | 0x01
    XMP = TRAILING | 0x02
    NAMES = TRAILING | 0x03
    LABELS = TRAILING | 0x04
    XMP_EXTENSION = TRAILING | 0x05
    TEXT = TRAILING | 0x06
    PHOTOSHOP = TRAILING | 0x07
    METADATA = TRAILING | 0x08
    PROPERTIES = TRAILING | 0x09
    ASSOCIATED = TRAILING | 0x0A
    SIZES = CRITICAL | 0x01
    ALPHA = CRITICAL | TRAILING | 0x01
    LOW_BYTES = CRITICAL | TRAILING | 0x02
    SAMPLES = CRITICAL | TRAILING | 0x03


def tag_name(tag: int) -> str:
    """Name of a known tag, or its number in hexadecimal."""
    try:
        return Tag(tag).name
    except ValueError:
        return f"{tag:#04x}"


class Box(NamedTuple):
    """A section beside the picture: its tag and its bytes."""

    tag: int
    data: bytes


class Rect(NamedTuple):
    """A rectangle of the picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Header:
    """Facts about the picture, or about all pictures of a pack.

    Args:
        kind: what the payload holds. model_id: 0..65535, permanent number of the model; 0 where no model is used.
        weights_hash: 8 bytes. width, height: 1..2^31-1 px; of a pack, the largest of its images.
        channels: 1 or 3 coded colour channels. depth: 8 or 16 bits of a coded sample.
        quality: 0..100. tile_px: side of a tile, (2m+1)·2^e with 0 ≤ m, e ≤ 15; 0 in a pack.
        passes: 1..16 per tile. checksum: 32 bits, over what decoding must reproduce (symbols or pixels).
    Raises: FormatError if a field is out of its range.
    """

    kind: Kind
    model_id: int
    weights_hash: bytes
    width: int
    height: int
    channels: int
    depth: int
    quality: int
    tile_px: int
    passes: int
    checksum: int = 0

    def __post_init__(self) -> None:
        if len(self.weights_hash) != 8:
            raise FormatError(f"a weights hash has 8 bytes, found {len(self.weights_hash)}")
        for name, low, high in (
            ("model_id", 0, 0xFFFF),
            ("width", 1, MAX_SIDE),
            ("height", 1, MAX_SIDE),
            ("quality", 0, 100),
            ("passes", 1, MAX_PASSES),
            ("checksum", 0, 0xFFFFFFFF),
        ):
            if not low <= getattr(self, name) <= high:
                raise FormatError(f"{name} is {getattr(self, name)}, must be {low} to {high}")
        if self.channels not in (1, 3):
            raise FormatError(f"{self.channels} channels, must be 1 or 3")
        if self.depth not in (8, 16):
            raise FormatError(f"{self.depth} bits a sample, must be 8 or 16")
        if self.tile_px != PACK_TILE_PX:
            tile_code(self.tile_px)

    @property
    def columns(self) -> int:
        """Tiles across."""
        return -(-self.width // self.tile_px)

    @property
    def rows(self) -> int:
        """Tiles down."""
        return -(-self.height // self.tile_px)

    @property
    def tiles(self) -> int:
        """Tiles of the picture, counted in raster order."""
        return self.columns * self.rows

    def tile_rect(self, tile: int) -> Rect:
        """Where tile number `tile` lies; the right and bottom ones may be smaller than the others."""
        row, column = divmod(tile, self.columns)
        top, left = row * self.tile_px, column * self.tile_px
        return Rect(top, left, min(self.tile_px, self.height - top), min(self.tile_px, self.width - left))

    def check_pixels(self, max_pixels: int, together: int = 1) -> None:
        """Raises: UnsupportedError if `together` pictures of this size have more than `max_pixels` pixels."""
        pixels = self.width * self.height * together
        if pixels > max_pixels:
            raise UnsupportedError(
                f"{self.width}×{self.height} px{f' × {together} images' * (together > 1)} = {pixels} pixels, "
                f"more than the limit of {max_pixels}; raise it (--max-pixels, max_pixels=) if you trust the file"
            )


def tile_code(side_px: int) -> int:
    """Byte for a tile side: mantissa m in the high four bits, exponent e in the low four, side = (2m+1)·2^e.

    Raises: FormatError if the side is not of that form.
    """
    exponent = min((side_px & -side_px).bit_length() - 1, 15)
    mantissa, even = divmod(side_px >> exponent, 2) if side_px > 0 else (0, 0)
    if side_px <= 0 or not even or mantissa > 15:
        raise FormatError(f"tile side of {side_px} px, must be an odd number up to 31 times a power of two up to 32768")
    return mantissa << 4 | exponent


def tile_side(code: int) -> int:
    """Tile side in pixels for its byte."""
    return (2 * (code >> 4) + 1) << (code & 15)
