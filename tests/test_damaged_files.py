"""Files that are damaged, or not what they say: refused, or salvaged as far as they are whole."""

from dataclasses import replace

import numpy as np
import pytest

import roundel
from roundel import container
from roundel.codec import restore
from roundel.container import Box, Tag
from roundel.errors import ChecksumError, FormatError, ModelError, UnsupportedError
from roundel.image import to_array
from tests.test_codec import LOSSLESS, LOSSY, scene


def rewritten(data: bytes, **changes: object) -> bytes:
    """The same passes under another header."""
    file = container.read(data)
    header = replace(file.header, **changes)  # type: ignore[arg-type]
    return container.write(header, file.boxes, [file.passes(tile) for tile in range(file.header.tiles)])


def test_symbols_are_checked_against_the_file() -> None:
    data = roundel.encode(scene(100, 130), model=LOSSY, tile_px=64)
    wrong = rewritten(data, checksum=1)
    with pytest.raises(ChecksumError, match="checksum"):
        restore(wrong, model=LOSSY)
    restore(wrong, model=LOSSY, passes=2)  # a preview has no symbols to check


@pytest.mark.parametrize("changes", [{"model_id": 7}, {"weights_hash": b"another!"}, {"passes": 4}])
def test_a_file_of_another_model_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="file was written"):
        restore(rewritten(roundel.encode(scene(9, 9), model=LOSSY), **changes), model=LOSSY)


def test_a_picture_larger_than_allowed_is_refused_before_it_is_decoded() -> None:
    data = rewritten(roundel.encode(scene(9, 9), model=LOSSY), width=2000, height=1000, tile_px=2048)
    with pytest.raises(UnsupportedError, match="2000×1000"):
        restore(data, model=LOSSY, max_pixels=1_999_999)


def test_tiles_that_do_not_suit_the_model_are_refused() -> None:
    with pytest.raises(FormatError, match="multiple of 64"):
        restore(rewritten(roundel.encode(scene(9, 9), model=LOSSY), tile_px=48), model=LOSSY)


def test_an_alpha_box_of_another_size_is_refused() -> None:
    data = roundel.encode(scene(9, 9), model=LOSSY)
    file = container.read(data)
    small = container.read(roundel.encode(np.zeros((4, 4, 4), np.uint8), model=LOSSY)).box(Tag.ALPHA)
    assert small is not None
    with pytest.raises(FormatError, match="alpha"):
        restore(container.write(file.header, [Box(Tag.ALPHA, small)], [file.passes(0)]), model=LOSSY)


def test_damage_names_the_tile_and_salvage_recovers_the_rest() -> None:
    pixels = scene(200, 200)
    data = bytearray(roundel.encode(pixels, model=LOSSLESS, tile_px=64))
    file = container.read(bytes(data))
    start, end = file.index.span(5)
    data[file.layout.payload + (start + end) // 2] ^= 1
    with pytest.raises(ChecksumError, match="tile 5"):
        restore(bytes(data), model=LOSSLESS)
    found = restore(bytes(data), model=LOSSLESS, salvage=True)
    assert found.damaged == (5,)
    wrong = (to_array(found.picture) != pixels).any(axis=2)
    assert not np.delete(wrong, np.s_[64:128], axis=0).any()
    assert not np.delete(wrong, np.s_[64:128], axis=1).any()


def test_salvage_keeps_the_passes_before_the_damage() -> None:
    data = bytearray(roundel.encode(scene(60, 60), model=LOSSY))
    file = container.read(bytes(data))
    data[file.layout.payload + file.index.span(1)[0]] ^= 1
    found = restore(bytes(data), model=LOSSY, salvage=True)
    assert (found.passes, found.damaged) == (1, (0,))
    assert np.array_equal(found.picture.pixels, restore(bytes(data[:]), model=LOSSY, passes=1).picture.pixels)


def test_a_pass_that_its_check_lets_through_may_still_be_wrong() -> None:
    """Whoever makes damaged passes with good checks meets the model's own errors."""
    data = roundel.encode(scene(60, 60), model=LOSSY)
    file = container.read(data)
    passes = file.passes(0)
    wrong = container.write(file.header, file.boxes, [[passes[0], b"nonsense", passes[2]]])
    with pytest.raises(FormatError):
        restore(wrong, model=LOSSY)
    assert restore(wrong, model=LOSSY, salvage=True).passes == 1


# ---- info
