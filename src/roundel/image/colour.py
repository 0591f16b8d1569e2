"""PNG's chunks that say what samples mean as light."""

import struct
from collections.abc import Mapping

CHUNK_BYTES = {b"cICP": 4, b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"mDCV": 24, b"cLLI": 8}
_SRGB_CICP = bytes([1, 13, 0, 1])
_SRGB_GAMMA = 45455
_SRGB_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_TOLERANCE = 100  # a thousandth: less than the rounding of chromaticities in the wild


def is_srgb(chunks: Mapping[bytes, bytes]) -> bool:
    """Whether the chunks say no more than what is taken for granted where there are none."""
    if b"mDCV" in chunks or b"cLLI" in chunks:
        return False
    if b"cICP" in chunks:
        return chunks[b"cICP"] == _SRGB_CICP
    if b"sRGB" in chunks:
        return True
    gamma = int.from_bytes(chunks.get(b"gAMA", _SRGB_GAMMA.to_bytes(4, "big")), "big")
    white_and_primaries = struct.unpack(">8I", chunks.get(b"cHRM", struct.pack(">8I", *_SRGB_CHROMATICITIES)))
    far = max(abs(a - b) for a, b in zip(white_and_primaries, _SRGB_CHROMATICITIES, strict=True))
    return abs(gamma - _SRGB_GAMMA) <= _TOLERANCE and far <= _TOLERANCE


def named(chunks: Mapping[bytes, bytes]) -> str:
    """The chunks' names, for messages."""
    return ", ".join(kind.decode() for kind in CHUNK_BYTES if kind in chunks)
