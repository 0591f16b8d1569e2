"""Ways to damage a file: blindly, or behind checks made good again so that the damage reaches the model."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from roundel import container
from roundel.errors import FormatError

Mutation = Callable[[bytes, random.Random], bytes]


def flip(data: bytes, rng: random.Random) -> bytes:
    """One to eight bits inverted."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def overwrite(data: bytes, rng: random.Random) -> bytes:
    """A stretch replaced by noise."""
    start = rng.randrange(len(data))
    return data[:start] + (noise := rng.randbytes(rng.randint(1, 32))) + data[start + len(noise) :]


def truncate(data: bytes, rng: random.Random) -> bytes:
    """The end missing."""
    return data[: rng.randrange(len(data))]


def extend(data: bytes, rng: random.Random) -> bytes:
    """Noise after the end."""
    return data + rng.randbytes(rng.randint(1, 100))


def remove(data: bytes, rng: random.Random) -> bytes:
    """A stretch missing."""
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randint(1, 40) :]


def repeat(data: bytes, rng: random.Random) -> bytes:
    """A stretch twice."""
    start = rng.randrange(len(data))
    end = start + rng.randint(1, 40)
    return data[:end] + data[start:]


BLIND: tuple[Mutation, ...] = (flip, overwrite, truncate, extend, remove, repeat)


def spoil_pass(data: bytes, rng: random.Random) -> bytes:
    """One pass of one tile damaged, all checks good."""
    file = container.read(data)
    tiles = [file.passes(tile) for tile in range(file.header.tiles)]
    tile = rng.choice(tiles)
    index = rng.randrange(len(tile))
    tile[index] = rng.choice(BLIND)(tile[index], rng) if tile[index] else rng.randbytes(9)
    return container.write(file.header, file.boxes, tiles)


def spoil_header(data: bytes, rng: random.Random) -> bytes:
    """One field of the header changed, all checks good; the same file where the container refuses to write that."""
    file = container.read(data)
    header = file.header
    name, value = rng.choice(
        [
            ("quality", rng.randint(0, 100)),
            ("width", max(1, header.width + rng.randint(-70, 70))),
            ("height", max(1, header.height + rng.randint(-70, 70))),
            ("channels", 4 - header.channels),
            ("depth", 16),
            ("tile_px", rng.choice([1, 16, 64, 128, 256])),
            ("passes", rng.randint(1, 16)),
            ("model_id", rng.randint(0, 65535)),
            ("weights_hash", rng.randbytes(8)),
            ("checksum", rng.randrange(1 << 32)),
            ("kind", rng.choice(list(container.Kind))),
        ]
    )
    change: dict[str, Any] = {name: value}
    try:
        changed = replace(header, **change)
        return container.write(changed, file.boxes, [file.passes(tile) for tile in range(header.tiles)])
    except FormatError:
        return data


def spoil_box(data: bytes, rng: random.Random) -> bytes:
    """A metadata box damaged, all checks good."""
    file = container.read(data)
    boxes = list(file.boxes)
    if boxes:
        index = rng.randrange(len(boxes))
        content = rng.choice(BLIND)(boxes[index].data, rng)
        boxes[index] = boxes[index]._replace(data=content)
    return container.write(file.header, boxes, [file.passes(tile) for tile in range(file.header.tiles)])


BEHIND_CHECKS: tuple[Mutation, ...] = (spoil_pass, spoil_header, spoil_box)
