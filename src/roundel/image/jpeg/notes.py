"""What a JPEG's segments say of the picture beside its samples, in and out.

Source: JFIF 1.02; Adobe, XMP Specification Part 3; CIPA DC-007 (multi-picture format); ISO 21496-1 (gain maps).
"""

import io
import re
import struct
import warnings
from collections.abc import Sequence
from dataclasses import replace

from roundel.errors import ImageError, RoundelWarning
from roundel.image import resolution, xmp
from roundel.image.jpeg.segments import (
    APP0,
    APP1,
    APP2,
    APP13,
    COMMENT,
    EXIF,
    GAIN_MAP,
    JFIF,
    MAX_BYTES,
    PHOTOSHOP,
    PICTURES,
    PROFILE,
    XMP,
    XMP_EXTENSION,
    Segment,
    joined,
    segment,
    segments_of,
)
from roundel.image.picture import Picture
from roundel.image.resolution import Resolution
from roundel.image.tiff.directory import Directory, read_head

_KNOWN = (
    *(JFIF, b"JFXX\0", EXIF, XMP, XMP_EXTENSION, PROFILE, PHOTOSHOP, GAIN_MAP, PICTURES, b"Adobe"),
    *(b"Ducky", b"FPXR\0"),  # an encoder's quality; an old container of previews
)
_THUMBNAILS = (0x010001, 0x010002)  # multi-picture types of previews
_UNITS = {0: resolution.NONE, 1: resolution.INCH, 2: resolution.CENTIMETRE}
_PROFILE_PART = MAX_BYTES - len(PROFILE) - 2
MAX_PROFILE_BYTES = 255 * _PROFILE_PART
MAX_EXIF_BYTES = MAX_BYTES - len(EXIF)


def with_segments(picture: Picture, segments: Sequence[Segment], data: bytes) -> Picture:
    """The picture with what its segments say; one warning names what is left out. Args: data: the file."""
    lost: list[str] = []
    main = [found for found in segments if found.content.startswith(XMP)]  # one packet: a second is a writer's slip
    packet, extension = joined(main[:1], APP1, XMP), None
    if packet:
        packet, lost = xmp.without_announcements(packet)
        extension = _extension(packet, segments)
        if extension is None and xmp.digest_of_extension(packet):
            packet = xmp.without_extension(packet)
            lost.append("its extended XMP, parts of which are missing")
    if any(found.content.startswith(GAIN_MAP) for found in segments):
        lost.append("its HDR gain map")
    lost += _further_pictures(segments, data)
    for found in segments:
        if APP0 <= found.marker <= APP0 + 15 and not found.content.startswith(_KNOWN):
            what = re.match(rb"[\w .:/-]*", found.content)
            shown = f"the segment {found.name} {what[0].decode() if what else ''}".strip()
            lost.append("its content credentials" if b"c2pa" in found.content[:64] else shown)
    if lost:
        names = " and ".join(dict.fromkeys(lost))
        warnings.warn(f"left out of what the JPEG holds: {names}", RoundelWarning, stacklevel=6)
    return replace(
        picture,
        exif=joined(segments, APP1, EXIF),
        xmp=packet,
        xmp_extension=extension,
        resolution=_density(joined(segments, APP0, JFIF)),
        photoshop=joined(segments, APP13, PHOTOSHOP),
        texts=tuple(("Comment", _decoded(found.content)) for found in segments if found.marker == COMMENT),
    )


def _density(jfif: bytes | None) -> Resolution | None:
    if jfif is None or len(jfif) < 7:
        return None
    unit, x, y = struct.unpack_from(">BHH", jfif, 2)
    return resolution.resolution(x, y, _UNITS.get(unit, resolution.NONE))


def _decoded(comment: bytes) -> str:
    text = comment.replace(b"\0", b"")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _extension(packet: bytes, segments: Sequence[Segment]) -> bytes | None:
    """The extended XMP whose digest the packet names, put together; None if a part is missing."""
    digest = xmp.digest_of_extension(packet)
    parts: dict[int, bytes] = {}
    total = -1
    for found in segments:
        content = found.content[len(XMP_EXTENSION) :]
        if found.content.startswith(XMP_EXTENSION) and content[:32] == digest and len(content) >= 40:
            total, offset = struct.unpack_from(">II", content, 32)
            parts[offset] = content[40:]
    places = sorted(parts)
    ends = [0, *(place + len(parts[place]) for place in places)]
    return b"".join(parts[place] for place in places) if ends == [*places, total] else None


def _further_pictures(segments: Sequence[Segment], data: bytes) -> list[str]:
    """Names of the pictures behind the first, save previews of it, from the index of the multi-picture format."""
    found = next((found for found in segments if found.content.startswith(PICTURES)), None)
    index = b"" if found is None else found.content[len(PICTURES) :]
    head = read_head(index[:16])
    if found is None or head is None:
        return []
    try:
        entries = Directory(io.BytesIO(index), head, head.first).data(0xB002) or b""
    except ImageError:
        return []
    base, others, gain_maps = found.place + len(PICTURES), 0, 0
    for attribute, _, offset, _ in struct.iter_unpack(head.order + "III4s", entries[: len(entries) // 16 * 16]):
        if offset and attribute & 0xFFFFFF not in _THUMBNAILS:
            start = data[base + offset : base + offset + MAX_BYTES]
            is_map = any(mark in start for mark in (b"HDRGainMap", b"hdr-gain-map", GAIN_MAP))
            gain_maps, others = gain_maps + is_map, others + (not is_map)
    names = ["its HDR gain map"] if gain_maps else []
    return names + ([f"{others} further picture{'s' * (others > 1)}"] if others else [])


def to_segments(picture: Picture) -> list[bytes]:
    """The segments behind JFIF. Args: picture: whose EXIF block and profile are not too large."""
    out = [segment(APP1, EXIF + picture.exif)] if picture.exif else []
    packet, extension = picture.xmp, picture.xmp_extension
    if packet and len(packet) > MAX_BYTES - len(XMP):
        packet, extension = xmp.divided(xmp.joined(packet, extension))
    if packet:
        out.append(segment(APP1, XMP + packet))
        out += _extension_segments(xmp.digest_of_extension(packet), extension)
    if picture.icc:
        parts = [picture.icc[at : at + _PROFILE_PART] for at in range(0, len(picture.icc), _PROFILE_PART)]
        numbered = [bytes([number, len(parts)]) + part for number, part in enumerate(parts, 1)]
        out += [segment(APP2, PROFILE + part) for part in numbered]
    out += segments_of(APP13, PHOTOSHOP, picture.photoshop or b"")
    comments = [text for keyword, text in picture.texts if keyword == "Comment"]
    return out + [segment(COMMENT, text.encode("utf-8", "surrogateescape")[:MAX_BYTES]) for text in comments]


def _extension_segments(digest: bytes | None, extension: bytes | None) -> list[bytes]:
    if digest is None or extension is None:
        return []
    step = MAX_BYTES - len(XMP_EXTENSION) - 40
    start = XMP_EXTENSION + digest + struct.pack(">I", len(extension))
    places = range(0, len(extension), step)
    return [segment(APP1, start + struct.pack(">I", at) + extension[at : at + step]) for at in places]


def density_bytes(density: Resolution) -> bytes:
    """Unit and whole numbers per inch, or per centimetre where those are whole, or of a ratio."""
    if density.unit == resolution.NONE:
        ratio = (density.x / density.y).limit_denominator(65_535)
        return struct.pack(">BHH", 0, min(max(ratio.numerator, 1), 65_535), ratio.denominator)
    whole = density.unit == resolution.CENTIMETRE and density.x.denominator == density.y.denominator == 1
    unit = resolution.CENTIMETRE if whole else resolution.INCH
    x, y, _ = density.per(unit)
    return struct.pack(">BHH", 2 if whole else 1, *(min(max(round(value), 1), 65_535) for value in (x, y)))
