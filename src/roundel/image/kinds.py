"""Which format a file has, by its first bytes, and the names of those that are known and not read."""

import re

from roundel.errors import ImageError

HEAD_BYTES = 512
READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF", "AVIF")
_ROUNDEL = b"\x89RND"
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"),
    (b"GIF87a", "GIF"), (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
)  # fmt: skip
_AVIF = (b"avif", b"avis")
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")
_OTHERS = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"gimp xcf", "GIMP (XCF)"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"PF\n", "PFM, of floating-point samples,"),
    (b"Pf\n", "PFM, of floating-point samples,"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"<svg", "SVG"),
    (b"qoif", "QOI"),
    (b"DDS ", "DDS"),
    (b"\0\0\x01\0", "ICO"),
    (b"SIMPLE  =", "FITS"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"IIRO", "a camera's raw file"),
    (b"IIU\0", "a camera's raw file"),
)


def kind_of(head: bytes) -> str:
    """The format of a file, one of READABLE.

    Args:
        head: its first HEAD_BYTES bytes, or all there are.

    Raises:
        ImageError: It is empty, no picture, or of a format that is not read, which is named.
    """
    if not head:
        raise ImageError("the file is empty; a picture was expected")
    if head.startswith(_ROUNDEL):
        raise ImageError("already a roundel file; to encode it anew, decode it first")
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if re.match(rb"P[1-7][\s#]", head):
        return "PPM"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _of_brands({head[at : at + 4] for at in (8, *range(16, min(int.from_bytes(head[:4], "big"), 256), 4))})
    for start, name in _OTHERS:
        if head.startswith(start):
            raise _unread(name)
    if head[128:132] == b"DICM":
        raise _unread("DICOM")
    raise ImageError(f"not a picture; one of {', '.join(READABLE)} was expected")


def _of_brands(brands: set[bytes]) -> str:
    """The format of an ISO media file."""
    if not brands.isdisjoint(_AVIF):
        return "AVIF"
    raise _unread("a video or another media file" if brands.isdisjoint(_HEIC) else "HEIC")


def _unread(name: str) -> ImageError:
    return ImageError(f"{name} is not read here; convert it to one of {', '.join(READABLE)} first")
