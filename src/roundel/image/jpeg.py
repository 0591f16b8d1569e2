"""JPEG files in and out: pixels by Pillow, segments here.

Source: ITU-T T.81; JFIF 1.02; Adobe, XMP Specification Part 3; CIPA DC-007 (MPF); ISO 21496-1 (gain maps).
"""

import io
import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import numpy as np
from PIL import Image, JpegImagePlugin

from roundel.errors import ImageError, RoundelWarning
from roundel.image import resolution, xmp
from roundel.image.orientation import upright_picture
from roundel.image.picture import Picture, to_array
from roundel.image.pil import EXIF_PREFIX, plain_picture, with_info
from roundel.image.resolution import Resolution
from roundel.image.tiff.directory import Directory, read_head

SETTINGS = {"quality": 95, "subsampling": "4:4:4", "optimize": True}
SEGMENT_BYTES = 65_533
MAX_SIDE_PX = 65_535
_END = b"\xff\xd9"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
_UNITS = {0: resolution.NONE, 1: resolution.INCH, 2: resolution.CENTIMETRE}
_KNOWN = (
    *(b"JFIF", b"JFXX", b"Exif\0", _XMP, _EXTENSION, b"ICC_PROFILE\0", _PHOTOSHOP, _GAIN_MAP, b"MPF\0", b"Adobe"),
    *(b"Ducky", b"FPXR\0"),  # an encoder's quality; an old container of previews
)
_THUMBNAILS = (0x010001, 0x010002)  # MPF's types of previews
_PROCESSES = {0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical, lossless"}
_PROCESSES |= {0xC9: "arithmetic", 0xCA: "arithmetic", 0xCB: "arithmetic, lossless", 0xF7: "JPEG-LS"}


def read(file: BinaryIO, check_size: Callable[[int, int], None]) -> Picture:
    """The picture of a JPEG file; one that lacks only its end marker too, with a RoundelWarning.

    Args:
        file: seekable. check_size: raises unless a picture of this width and height is allowed.

    Raises:
        ImageError: damaged, cut short, too large, or of a process that is not supported, which is named.
    """
    file.seek(0)
    try:
        image = JpegImagePlugin.JpegImageFile(file)
    except SyntaxError as error:
        raise _unreadable(file, error) from error
    check_size(image.width, image.height)
    try:
        picture = plain_picture(image)
    except OSError as error:
        picture = _without_end(file, error)
    return upright_picture(_with_segments(with_info(picture, image), image, file))


def _unreadable(file: BinaryIO, error: Exception) -> ImageError:
    """What is the matter with a JPEG that does not decode."""
    file.seek(0)
    head = file.read(2**20)
    at = 2
    while at + 5 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if head[at + 4] != 8:
                return ImageError(f"a JPEG of {head[at + 4]}-bit samples is not supported; convert it to PNG or TIFF")
            if marker in _PROCESSES:
                return ImageError(f"a JPEG of the process {_PROCESSES[marker]} is not supported; convert it to PNG")
        elif marker == 0xF7:
            return ImageError("JPEG-LS is not supported; convert it to PNG")
        at += 2 + length
    return ImageError(f"damaged JPEG ({error}); get a whole copy of the file")


def _without_end(file: BinaryIO, error: OSError) -> Picture:
    """The picture of a JPEG that ends before its end marker, if all of its samples are there.

    They are if bytes added where the file ends change nothing.
    """
    file.seek(0)
    data = file.read()
    found = []
    if "truncated" in str(error) and not data.endswith(_END):
        for more in (b"", bytes(range(1, 128)) * 4):
            try:
                found.append(plain_picture(JpegImagePlugin.JpegImageFile(io.BytesIO(data + more + _END))))
            except (OSError, SyntaxError):
                break
    if len(found) < 2 or not np.array_equal(found[0].pixels, found[1].pixels):
        raise _unreadable(file, error) from error
    warnings.warn("the JPEG ends without its end marker; the picture is whole", RoundelWarning, stacklevel=6)
    return found[0]


def _with_segments(picture: Picture, image: JpegImagePlugin.JpegImageFile, file: BinaryIO) -> Picture:
    """The picture with what only its segments say; one warning names what is left out."""
    segments = [(name, content) for name, content in image.applist]
    lost: list[str] = []
    packet = picture.xmp
    extension = None
    if packet:
        packet, lost = xmp.without_announcements(packet)
        extension = _extension(packet, [content for _, content in segments])
        if extension is None and xmp.digest_of_extension(packet):
            packet = xmp.without_extension(packet)
            lost.append("its extended XMP, parts of which are missing")
    if any(content.startswith(_GAIN_MAP) for _, content in segments):
        lost.append("its HDR gain map")
    lost += _further_pictures(image, file)
    for name, content in segments:
        if name != "COM" and not content.startswith(_KNOWN):
            what = re.match(rb"[\w .:/-]*", content)
            shown = what[0].decode() if what else ""
            lost.append("its content credentials" if b"c2pa" in content[:64] else f"the segment {name} {shown}".strip())
    if lost:
        names = " and ".join(dict.fromkeys(lost))
        warnings.warn(f"left out of what the JPEG holds: {names}", RoundelWarning, stacklevel=6)
    comments = [content for name, content in segments if name == "COM"]
    resources = [content[len(_PHOTOSHOP) :] for _, content in segments if content.startswith(_PHOTOSHOP)]
    return replace(
        picture,
        xmp=packet,
        xmp_extension=extension,
        resolution=_density(image),
        photoshop=b"".join(resources) or None,
        texts=tuple(("Comment", _decoded(comment)) for comment in comments),
    )


def _density(image: JpegImagePlugin.JpegImageFile) -> Resolution | None:
    x, y = image.info.get("jfif_density", (0, 0))
    return resolution.resolution(x, y, _UNITS.get(image.info.get("jfif_unit", 0), resolution.NONE))


def _decoded(comment: bytes) -> str:
    text = comment.replace(b"\0", b"")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _extension(packet: bytes, segments: list[bytes]) -> bytes | None:
    """The extended XMP whose digest the packet names, put together; None if a part is missing."""
    digest = xmp.digest_of_extension(packet)
    parts: dict[int, bytes] = {}
    total = -1
    for content in segments:
        if content.startswith(_EXTENSION) and content[len(_EXTENSION) :][:32] == digest:
            total, offset = struct.unpack_from(">II", content.ljust(len(_EXTENSION) + 40, b"\0"), len(_EXTENSION) + 32)
            parts[offset] = content[len(_EXTENSION) + 40 :]
    out = b""
    for offset in sorted(parts):
        if offset != len(out):
            return None
        out += parts[offset]
    return out if len(out) == total else None


def _further_pictures(image: JpegImagePlugin.JpegImageFile, file: BinaryIO) -> list[str]:
    """Names of the pictures behind the first, save previews of it, from the index of the multi-picture format."""
    index = image.info.get("mp")
    head = read_head(index[:16]) if isinstance(index, bytes) else None
    if not isinstance(index, bytes) or head is None:
        return []
    try:
        entries = Directory(io.BytesIO(index), head, head.first).data(0xB002) or b""
    except ImageError:
        return []
    base, others, gain_maps = int(image.info.get("mpoffset", 0)), 0, 0
    for attribute, _, offset, _ in struct.iter_unpack(head.order + "III4s", entries[: len(entries) // 16 * 16]):
        if offset and attribute & 0xFFFFFF not in _THUMBNAILS:
            file.seek(base + offset)
            start = file.read(SEGMENT_BYTES)
            is_map = any(mark in start for mark in (b"HDRGainMap", b"hdr-gain-map", _GAIN_MAP))
            gain_maps, others = gain_maps + is_map, others + (not is_map)
    names = ["its HDR gain map"] if gain_maps else []
    return names + ([f"{others} further picture{'s' * (others > 1)}"] if others else [])


def write(picture: Picture, file: BinaryIO, quality: int | None = None) -> None:
    """A JPEG of an 8-bit picture without alpha, with all metadata that its segments hold.

    Args:
        picture: what to write; no part of its metadata exceeds a segment, save profile, XMP and Photoshop's resources.
        file: where to. quality: 0 … 100, by default 95 without chroma subsampling.
    """
    buffer = io.BytesIO()
    settings = SETTINGS if quality is None else {**SETTINGS, "quality": quality}
    Image.fromarray(to_array(picture)).save(buffer, "JPEG", **settings)
    data = buffer.getvalue()
    end_of_jfif = 4 + int.from_bytes(data[4:6], "big")
    jfif = data[:end_of_jfif]
    if picture.resolution:
        jfif = jfif[:13] + _density_bytes(picture.resolution) + jfif[18:]
    file.write(jfif)
    file.write(b"".join(_segments(picture)))
    file.write(data[end_of_jfif:])


def _density_bytes(density: Resolution) -> bytes:
    """Unit and whole numbers per inch, or per centimetre where those are whole, or of a ratio."""
    if density.unit == resolution.NONE:
        ratio = (density.x / density.y).limit_denominator(65_535)
        return struct.pack(">BHH", 0, min(max(ratio.numerator, 1), 65_535), ratio.denominator)
    whole = density.unit == resolution.CENTIMETRE and density.x.denominator == density.y.denominator == 1
    unit = resolution.CENTIMETRE if whole else resolution.INCH
    x, y, _ = density.per(unit)
    return struct.pack(">BHH", 2 if whole else 1, *(min(max(round(value), 1), 65_535) for value in (x, y)))


def _segments(picture: Picture) -> list[bytes]:
    out = []
    if picture.exif:
        out.append(_segment(0xE1, EXIF_PREFIX + picture.exif))
    packet, extension = picture.xmp, picture.xmp_extension
    if packet and len(packet) > SEGMENT_BYTES - len(_XMP):
        packet, extension = xmp.divided(xmp.joined(packet, extension))
    if packet:
        out.append(_segment(0xE1, _XMP + packet))
        digest = xmp.digest_of_extension(packet)
        step = SEGMENT_BYTES - len(_EXTENSION) - 40
        for at in range(0, len(extension or b"") if digest else 0, step):
            place = struct.pack(">II", len(extension or b""), at)
            out.append(_segment(0xE1, _EXTENSION + (digest or b"") + place + (extension or b"")[at : at + step]))
    if picture.icc:
        step = SEGMENT_BYTES - 14
        parts = [picture.icc[at : at + step] for at in range(0, len(picture.icc), step)]
        for number, part in enumerate(parts, 1):
            out.append(_segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part))
    for at in range(0, len(picture.photoshop or b""), SEGMENT_BYTES - len(_PHOTOSHOP)):
        out.append(_segment(0xED, _PHOTOSHOP + (picture.photoshop or b"")[at : at + SEGMENT_BYTES - len(_PHOTOSHOP)]))
    for keyword, text in picture.texts:
        if keyword == "Comment":
            out.append(_segment(0xFE, text.encode("utf-8", "surrogateescape")[:SEGMENT_BYTES]))
    return out


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def fits(picture: Picture) -> dict[str, bool]:
    """Which parts of the metadata a JPEG can hold, by their names in a Picture."""
    return {
        "exif": len(picture.exif or b"") <= SEGMENT_BYTES - len(EXIF_PREFIX),
        "icc": len(picture.icc or b"") <= 255 * (SEGMENT_BYTES - 14),
    }
