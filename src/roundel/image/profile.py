"""An ICC profile of what PNG's colour chunks say, for formats that have no such chunks.

Source: ICC.1:2022 (version 4 profiles); Rec. ITU-T H.273 (code points); PNG specification, third edition, 4.3.
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D65, _DCI = (0.3127, 0.3290), (0.314, 0.351)
_PRIMARIES = {  # H.273: white, red, green, blue as x, y
    1: (_D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    5: (_D65, (0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: (_DCI, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_VIDEO = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_TRANSFERS: dict[int, tuple[float, ...]] = {  # H.273: an ICC curve's parameters, gamma first
    **dict.fromkeys((1, 6, 14, 15), _VIDEO),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: _SRGB,
}


class _Colours(NamedTuple):
    primaries: tuple[tuple[float, float], ...]
    curve: tuple[float, ...]


def profile_of(chunks: Mapping[bytes, bytes], *, grey: bool) -> bytes | None:
    """A matrix profile, or a grey one; None where no such profile says the same (PQ, HLG, broken numbers).

    Args:
        chunks: type -> content. grey: whether the picture has one channel.
    """
    colours = _colours(chunks)
    if colours is None:
        return None
    try:
        matrix = _to_d50(colours.primaries)
    except np.linalg.LinAlgError:
        return None
    curve = _curve(colours.curve)
    tags = {b"desc": _text("from PNG's colour chunks"), b"cprt": _text("no copyright"), b"wtpt": _xyz(_D50)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        tags |= {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _assembled(tags, b"GRAY" if grey else b"RGB ")


def _colours(chunks: Mapping[bytes, bytes]) -> _Colours | None:
    """Primaries and curve, in the order of precedence that PNG gives the chunks."""
    if b"cICP" in chunks:
        primaries, transfer = chunks[b"cICP"][:2]
        if primaries not in _PRIMARIES or transfer not in _TRANSFERS:
            return None
        return _Colours(_PRIMARIES[primaries], _TRANSFERS[transfer])
    if b"sRGB" in chunks:
        return _Colours(_PRIMARIES[1], _SRGB)
    found = _PRIMARIES[1]
    if b"cHRM" in chunks:
        numbers = [value / 100_000 for value in struct.unpack(">8I", chunks[b"cHRM"])]
        found = tuple(zip(numbers[::2], numbers[1::2], strict=True))  # type: ignore[assignment]
    gamma = int.from_bytes(chunks.get(b"gAMA", b""), "big")
    if b"gAMA" in chunks and not 1000 <= gamma <= 1_000_000:
        return None
    if min(y for _, y in found) <= 0:
        return None
    return _Colours(found, (100_000 / gamma,) if b"gAMA" in chunks else _SRGB)


def _to_d50(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """XYZ of red, green and blue as columns, adapted to D50, which profiles are in terms of."""
    white, *colours = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in primaries)
    columns = np.stack(colours, axis=1)
    matrix = columns * np.linalg.solve(columns, white)
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ np.diag(scale) @ _BRADFORD @ matrix


def _fixed(*values: float) -> bytes:
    """Signed 16.16 numbers."""
    return b"".join(struct.pack(">i", max(-(2**31), min(2**31 - 1, round(value * 65536)))) for value in values)


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values.tolist())


def _curve(parameters: tuple[float, ...]) -> bytes:
    kind = 0 if len(parameters) == 1 else 3
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(*parameters)


def _text(text: str) -> bytes:
    utf16 = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(utf16), 28) + utf16


def _assembled(tags: Mapping[bytes, bytes], space: bytes) -> bytes:
    """A profile of these tags; equal ones are stored once."""
    at = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    data = b""
    for content in tags.values():
        if content not in places:
            places[content] = at + len(data)
            data += content + bytes(-len(content) % 4)
    table = struct.pack(">I", len(tags))
    table += b"".join(name + struct.pack(">II", places[content], len(content)) for name, content in tags.items())
    head = struct.pack(
        ">I4sI4s4s4s12s4s28x12s48x", at + len(data), bytes(4), 0x04300000, b"mntr", space, b"XYZ ",
        struct.pack(">6H", 2024, 1, 1, 0, 0, 0), b"acsp", _fixed(*_D50.tolist()),
    )  # fmt: skip
    return head + table + data
