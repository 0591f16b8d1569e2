"""Small files that the tests share; content is arithmetic, so that it is the same everywhere."""

from dataclasses import replace

from roundel.container import Box, Header, Kind, Tag

PHOTO = Header(
    kind=Kind.LOSSY,
    model_id=1,
    weights_hash=bytes(range(8)),
    width=768,
    height=512,
    channels=3,
    depth=8,
    quality=75,
    tile_px=1024,
    passes=6,
    checksum=0x12345678,
)
PHOTO_TILES = [[(bytes([p * 16 + i % 16 for i in range(12 + 40 * p)])) for p in range(6)]]

TILED = replace(PHOTO, kind=Kind.LOSSLESS, width=200, height=100, channels=1, depth=16, tile_px=80, passes=3)
TILED_TILES = [[bytes(i * 37 + t & 255 for i in range(n)) for n in (t, 10, 5000 * (t == 4))] for t in range(6)]
TILED_BOXES = [
    Box(Tag.EXIF, b"MM\0*exif"),
    Box(Tag.ICC, b"profile"),
    Box(Tag.ALPHA, bytes(range(50))),
    Box(Tag.XMP, b""),
]

CONSTANT = replace(PHOTO, kind=Kind.LOSSLESS, width=1024, height=1024, tile_px=64, passes=4)
CONSTANT_TILES = [[b"\x01"]] * 256

PACKED = replace(PHOTO, kind=Kind.LOSSLESS, width=1, height=1, tile_px=0, passes=1, quality=100)
MIXED_SIZES = [(32, 32), (1, 7), (300, 2)]
MIXED_UNITS = [[b"first"], [b""], [b"third image"]]
MIXED_NAMES = ["a/one.png", "two.png", "drei-ä.png"]
MIXED_LABELS = [3, 0, 70000]

EQUAL_SIZES = [(32, 32)] * 1000
EQUAL_UNITS = [[bytes([u & 255, p]) * (3 + (u * 7 + p) % 5) for p in range(2)] for u in range(250)]
EQUAL_HEADER = replace(PACKED, passes=2)
EQUAL_GROUP = 4
