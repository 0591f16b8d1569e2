"""What a PNG's chunks say of the picture beside its samples, in and out.

They are read and written here, since Pillow refuses large profiles and texts and drops what says how colours look.
"""

import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from roundel.errors import RoundelWarning
from roundel.image import resolution
from roundel.image.colour import CHUNK_BYTES
from roundel.image.picture import Picture, is_scaled, to_array
from roundel.image.pil import EXIF_PREFIX
from roundel.image.png.chunks import Chunk, Header
from roundel.image.png.pixels import OF_PIXELS
from roundel.image.resolution import Resolution

MAX_INFLATED_BYTES = 2**26
"""Of a profile, and of all texts together."""
_XMP = b"XML:com.adobe.xmp"
_WITHOUT_LOSS = (b"sBIT", b"hIST", b"sPLT", b"acTL", b"fcTL", b"fdAT", b"iDOT", b"tIME", b"bKGD")
"""Chunks that say nothing of the picture itself, or that are named elsewhere: left out without a word."""


def with_notes(picture: Picture, header: Header, chunks: list[Chunk]) -> Picture:
    """The picture with what its chunks say of it; one warning names what is left out."""
    lost: list[str] = []
    notes: dict[str, Any] = {}
    texts: list[tuple[str, str]] = []
    for kind, content, _ in chunks:
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            text = _text(kind, content, MAX_INFLATED_BYTES - sum(len(text) for _, text in texts))
            if text is None:
                lost.append("a text that is damaged or too large")
            else:
                texts.append(text)
        elif kind == b"iCCP":
            notes["icc"] = _inflated(content.partition(b"\0")[2][1:], MAX_INFLATED_BYTES)
            if notes["icc"] is None:
                lost.append("a colour profile that is damaged or too large")
        elif kind in _SMALL:
            notes |= _SMALL[kind](content)
        elif kind not in CHUNK_BYTES and kind not in OF_PIXELS + _WITHOUT_LOSS:
            lost.append("content credentials" if kind == b"caBX" else f"the chunk {kind.decode('latin-1')}")
    first = {chunk.kind: chunk.content for chunk in reversed(chunks)}
    frames = int.from_bytes(first.get(b"acTL", b"")[:4], "big")
    if frames > 1:
        warnings.warn(f"only the first of {frames} frames is kept", RoundelWarning, stacklevel=7)
    if lost:
        left_out = " and ".join(dict.fromkeys(lost))
        warnings.warn(f"left out of what the PNG holds: {left_out}", RoundelWarning, stacklevel=7)
    if header.depth == 16 and len(set(first.get(b"sBIT", b""))) == 1:
        notes["sample_max"] = _significant(picture, first[b"sBIT"][0])
    xmp = [text.encode("utf-8", "surrogateescape") for keyword, text in texts if keyword == _XMP.decode()]
    return replace(
        picture,
        colour={kind: first[kind] for kind, size in CHUNK_BYTES.items() if len(first.get(kind, b"")) == size},
        texts=tuple(found for found in texts if found[0] != _XMP.decode()),
        xmp=xmp[0] if xmp and xmp[0] else None,
        **notes,
    )


def _density(content: bytes) -> dict[str, Any]:
    if len(content) != 9:
        return {}
    x, y, unit = struct.unpack(">IIB", content)
    return {"resolution": resolution.resolution(x, y, resolution.METRE if unit == 1 else resolution.NONE)}


def _exif(content: bytes) -> dict[str, Any]:
    return {"exif": content.removeprefix(EXIF_PREFIX) or None}


_SMALL: dict[bytes, Callable[[bytes], dict[str, Any]]] = {b"pHYs": _density, b"eXIf": _exif}


def _inflated(data: bytes, limit: int) -> bytes | None:
    coder = zlib.decompressobj()
    try:
        out = coder.decompress(data, limit + 1)
    except zlib.error:
        return None
    return out if coder.eof and len(out) <= limit else None


def _text(kind: bytes, content: bytes, limit: int) -> tuple[str, str] | None:
    """Keyword and text of a chunk."""
    keyword, _, rest = content.partition(b"\0")
    found: bytes | None = rest
    if kind == b"zTXt":
        found = _inflated(rest[1:], limit)
    elif kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:]
        _, _, rest = rest.partition(b"\0")  # language
        _, _, rest = rest.partition(b"\0")  # keyword in that language
        found = _inflated(rest, limit) if packed else rest
    if found is None or len(found) > limit:
        return None
    text = found.decode("utf-8", "surrogateescape") if kind == b"iTXt" else found.decode("latin-1")
    return keyword.decode("latin-1"), text if keyword == _XMP else text.replace("\0", "")


def _significant(picture: Picture, bits: int) -> int | None:
    """The largest sample of a source of so many bits, if scaling it is what gave the samples."""
    largest = 2**bits - 1
    samples = to_array(picture)
    return largest if 8 < bits < 16 and is_scaled(samples, largest) else None


def to_chunks(picture: Picture, xmp: bytes | None) -> list[tuple[bytes, bytes]]:
    """The chunks behind the header, in an order that the specification allows."""
    chunks = [(kind, picture.colour[kind]) for kind in CHUNK_BYTES if kind in picture.colour]
    if picture.icc:
        chunks = [(kind, content) for kind, content in chunks if kind != b"sRGB"]  # only one of the two is allowed
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc)))
    if picture.sample_max is not None and picture.depth == 16 and picture.sample_max & (picture.sample_max + 1) == 0:
        channels = picture.channels + (picture.alpha is not None)
        chunks.append((b"sBIT", bytes([picture.sample_max.bit_length()] * channels)))
    if picture.resolution:
        chunks.append((b"pHYs", _physical(picture.resolution)))
    if picture.exif:
        chunks.append((b"eXIf", picture.exif))
    texts = [(keyword.encode("latin-1", "replace"), text) for keyword, text in picture.texts]
    chunks += [_text_chunk(keyword, text.encode("utf-8", "surrogateescape"), text) for keyword, text in texts]
    if xmp:
        chunks.append((b"iTXt", _XMP + bytes(5) + xmp))
    return chunks


def _text_chunk(keyword: bytes, utf8: bytes, text: str) -> tuple[bytes, bytes]:
    keyword = (keyword.strip() or b"Comment")[:79]
    try:
        latin = text.encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", keyword + bytes(5) + utf8
    return (
        (b"tEXt", keyword + b"\0" + latin)
        if len(latin) < 1024
        else (b"zTXt", keyword + bytes(2) + zlib.compress(latin))
    )


def _physical(density: Resolution) -> bytes:
    """The content of a pHYs chunk: whole numbers per metre, or of a ratio."""
    if density.unit != resolution.NONE:
        x, y, _ = density.per(resolution.METRE)
        return struct.pack(">IIB", *(min(max(round(v), 1), 2**31 - 1) for v in (x, y)), 1)
    ratio = Fraction(density.x / density.y).limit_denominator(2**31 - 1)
    return struct.pack(">IIB", min(max(ratio.numerator, 1), 2**31 - 1), ratio.denominator, 0)
