"""Alpha planes come back to the bit, or not at all."""

import warnings

import numpy as np
import pytest

from roundel.errors import FormatError
from roundel.image.planes import pack_plane, unpack_plane


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_planes_round_trip(dtype: type) -> None:
    plane = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (13, 7), dtype, endpoint=True)
    found = unpack_plane(pack_plane(plane), 13, 7)
    assert found.dtype == plane.dtype
    assert np.array_equal(found, plane)


def test_other_sizes_and_damage_are_format_errors() -> None:
    data = pack_plane(np.zeros((13, 7), np.uint8))
    with pytest.raises(FormatError, match="13"):
        unpack_plane(data, 7, 13)
    for broken in (b"", b"x", data[:45], data[:30] + b"\xff" + data[31:]):
        with pytest.raises(FormatError):
            unpack_plane(broken, 13, 7)


def test_pillow_s_limit_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 10)  # Pillow would raise from 20 on
    monkeypatch.setattr("roundel.image.pil._BAND_PIXELS", 3)
    plane = np.arange(91, dtype=np.uint8).reshape(13, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(unpack_plane(pack_plane(plane), 13, 7), plane)


def test_a_plane_of_another_size_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    with pytest.raises(FormatError, match="200×300"):
        unpack_plane(pack_plane(np.zeros((300, 200), np.uint8)), 13, 7)
