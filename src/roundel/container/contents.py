"""What the small boxes hold: resolution, colour, largest sample, texts, and the boxes of each image of a pack."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from roundel.container.format import CRITICAL, Box, Tag, tag_name
from roundel.container.sections import Cursor, deflate, inflate, pack_varint
from roundel.errors import FormatError, UnsupportedError

COLOUR_BYTES = {b"cICP": 4, b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"mDCV": 24, b"cLLI": 8}
"""PNG's chunks that say what samples mean as light, and the bytes that each has."""

UNITS = ("none", "inch", "centimetre", "metre")
MAX_TEXT_BYTES = 2**26
MAX_METADATA_BYTES = 2**28
MAX_ASSOCIATED = 64
_MAX_TERM = 2**32 - 1
_NOT_OF_IMAGES = (Tag.SIZES, Tag.NAMES, Tag.LABELS, Tag.METADATA, Tag.SAMPLES)


class PixelDensity(NamedTuple):
    """Pixels per unit along each axis; of unit 0 only their ratio means something."""

    x: Fraction
    y: Fraction
    unit: int


def pack_resolution(x: Fraction, y: Fraction, unit: int) -> bytes:
    """The box RESOLUTION. Args: x, y: pixels per unit, terms below 2^32. unit: index of UNITS."""
    terms = [x.numerator, x.denominator] if x == y else [x.numerator, x.denominator, y.numerator, y.denominator]
    if not 0 <= unit < len(UNITS) or not all(0 < term <= _MAX_TERM for term in terms):
        raise FormatError(f"a resolution of {x} × {y} pixels in unit {unit} cannot be stored")
    return bytes([unit]) + b"".join(map(pack_varint, terms))


def unpack_resolution(data: bytes) -> PixelDensity:
    """Inverse of `pack_resolution`. Raises: FormatError."""
    cursor = Cursor(data)
    unit = cursor.uint(1, "resolution")
    terms: list[int] = []
    while cursor.at < len(data) and len(terms) < 4:
        terms.append(cursor.varint(_MAX_TERM, "resolution"))
    if unit >= len(UNITS) or len(terms) not in (2, 4) or 0 in terms or cursor.at < len(data):
        raise FormatError("the box RESOLUTION is not a unit with one or two fractions; the file is damaged")
    return PixelDensity(Fraction(terms[0], terms[1]), Fraction(terms[-2], terms[-1]), unit)


def pack_colour(chunks: Mapping[bytes, bytes]) -> bytes:
    """The box COLOUR. Args: chunks: type of a PNG chunk -> content, of COLOUR_BYTES only."""
    for kind, content in chunks.items():
        if COLOUR_BYTES.get(kind) != len(content):
            raise FormatError(f"a colour chunk {kind!r} of {len(content)} bytes cannot be stored")
    return b"".join(kind + chunks[kind] for kind in COLOUR_BYTES if kind in chunks)


def unpack_colour(data: bytes) -> dict[bytes, bytes]:
    """Inverse of `pack_colour`. Raises: FormatError."""
    cursor = Cursor(data)
    chunks: dict[bytes, bytes] = {}
    while cursor.at < len(data):
        kind = cursor.take(4, "box COLOUR")
        if kind not in COLOUR_BYTES or kind in chunks:
            raise FormatError(f"the box COLOUR holds {kind!r}, which is unknown or there twice; the file is damaged")
        chunks[kind] = cursor.take(COLOUR_BYTES[kind], "box COLOUR")
    return chunks


def pack_sample_max(largest: int) -> bytes:
    """The box SAMPLE_MAX. Args: largest: 1..65534."""
    return largest.to_bytes(2, "little")


def unpack_sample_max(data: bytes) -> int:
    """Inverse of `pack_sample_max`. Raises: FormatError."""
    largest = int.from_bytes(data, "little")
    if len(data) != 2 or not 0 < largest < 65535:
        raise FormatError("the box SAMPLE_MAX is not a number of 1 to 65534; the file is damaged")
    return largest


def pack_texts(texts: Sequence[tuple[str, str]]) -> bytes:
    """The box TEXT. Args: texts: keyword and text of each; neither holds a NUL."""
    if any("\0" in part for pair in texts for part in pair):
        raise FormatError("a text with a NUL cannot be stored")
    raw = "".join(f"{keyword}\0{text}\0" for keyword, text in texts).encode("utf-8", "surrogateescape")
    if len(raw) > MAX_TEXT_BYTES:
        raise UnsupportedError(f"texts of {len(raw)} bytes, the format holds {MAX_TEXT_BYTES}")
    return deflate(raw)


def unpack_texts(data: bytes) -> tuple[tuple[str, str], ...]:
    """Inverse of `pack_texts`. Raises: FormatError."""
    raw = inflate(data, MAX_TEXT_BYTES, "box TEXT")
    try:
        *parts, rest = raw.decode("utf-8", "surrogateescape").split("\0")
    except UnicodeDecodeError as error:
        raise FormatError("the box TEXT is not UTF-8; the file is damaged") from error
    if rest or len(parts) % 2:
        raise FormatError("the box TEXT does not hold pairs of keyword and text; the file is damaged")
    return tuple(zip(parts[::2], parts[1::2], strict=True))


def pack_associated(images: Mapping[str, bytes]) -> bytes:
    """The box ASSOCIATED. Args: images: name -> a roundel file of one picture."""
    out = [pack_varint(len(images))]
    for name, data in images.items():
        raw = name.encode("utf-8", "surrogateescape")
        out += [pack_varint(len(raw)), raw, pack_varint(len(data)), data]
    return b"".join(out)


def unpack_associated(data: bytes) -> dict[str, bytes]:
    """Inverse of `pack_associated`. Raises: FormatError."""
    cursor = Cursor(data)
    images: dict[str, bytes] = {}
    for _ in range(cursor.varint(MAX_ASSOCIATED, "box ASSOCIATED")):
        raw = cursor.take(cursor.varint(len(data), "box ASSOCIATED"), "box ASSOCIATED")
        try:
            name = raw.decode("utf-8", "surrogateescape")
        except UnicodeDecodeError as error:
            raise FormatError("a name in the box ASSOCIATED is not UTF-8; the file is damaged") from error
        if name in images:
            raise FormatError(f"the box ASSOCIATED holds {name!r} twice; the file is damaged")
        images[name] = cursor.take(cursor.varint(len(data), "box ASSOCIATED"), "box ASSOCIATED")
    if cursor.at < len(data):
        raise FormatError("bytes follow the last image of the box ASSOCIATED; the file is damaged")
    return images


def pack_metadata(images: Sequence[Sequence[Box]]) -> bytes:
    """The box METADATA: the boxes of each image of a pack, equal ones stored once."""
    numbers: dict[Box, int] = {}
    for box in (Box(int(box.tag), box.data) for boxes in images for box in boxes):
        numbers.setdefault(box, len(numbers))
    size = sum(len(box.data) for box in numbers)
    if size > MAX_METADATA_BYTES // 2:
        raise UnsupportedError(
            f"the images have {size} bytes of metadata, a pack holds {MAX_METADATA_BYTES // 2}; pack fewer, or strip it"
        )
    out = [pack_varint(len(numbers))]
    out += [bytes([box.tag]) + pack_varint(len(box.data)) + box.data for box in numbers]
    for boxes in images:
        out.append(pack_varint(len(boxes)))
        out += [pack_varint(numbers[Box(int(box.tag), box.data)]) for box in boxes]
    return deflate(b"".join(out))


def unpack_metadata(data: bytes, count: int) -> tuple[tuple[Box, ...], ...]:
    """Inverse of `pack_metadata`, for `count` images. Raises: FormatError; UnsupportedError for a critical box."""
    raw = inflate(data, MAX_METADATA_BYTES, "box METADATA")
    cursor = Cursor(raw)
    stored = []
    for _ in range(cursor.varint(len(raw), "box METADATA")):
        tag = cursor.uint(1, "box METADATA")
        stored.append(Box(tag, cursor.take(cursor.varint(len(raw), "box METADATA"), "box METADATA")))
    images = []
    for _ in range(count):
        length = cursor.varint(len(Tag), "box METADATA")
        boxes = [stored[cursor.varint(len(stored) - 1, "box METADATA")] for _ in range(length)]
        images.append(tuple(box for box in boxes if _is_known(box.tag)))
        if len({box.tag for box in boxes}) < len(boxes):
            raise FormatError("an image of the pack has a box twice; the file is damaged")
    if cursor.at < len(raw):
        raise FormatError("bytes follow the last image of the box METADATA; the file is damaged")
    return tuple(images)


def _is_known(tag: int) -> bool:
    if tag in _NOT_OF_IMAGES:
        raise FormatError(f"an image of the pack has a box {tag_name(tag)}, which none can have; the file is damaged")
    known = tag in Tag._value2member_map_
    if not known and tag & CRITICAL:
        raise UnsupportedError(f"box {tag:#04x} is needed to decode and this version does not know it; update")
    return known
