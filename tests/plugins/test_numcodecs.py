"""The codec in numcodecs: found by its name, with what numcodecs asks of codecs."""

import json
import pickle

import numpy as np
import pytest

from roundel import RoundelError
from tests.test_codec import scene

numcodecs = pytest.importorskip("numcodecs")
from roundel.plugins.numcodecs import Roundel  # noqa: E402


def test_it_is_found_by_its_name() -> None:
    codec = numcodecs.get_codec({"id": "roundel", "quality": 40})
    assert codec == Roundel(quality=40)
    assert repr(codec) == "Roundel(quality=40)"


@pytest.mark.parametrize(
    "configuration", [{}, {"quality": 40, "tune": "psnr"}, {"model": "photo", "colour": False}], ids=str
)
def test_configurations_come_back(configuration: dict[str, object]) -> None:
    codec = Roundel(**configuration)
    written = json.loads(json.dumps(codec.get_config()))
    assert written == {"id": "roundel", **configuration}
    assert numcodecs.get_codec(written) == codec
    assert pickle.loads(pickle.dumps(codec)) == codec


def test_a_setting_that_is_not_known() -> None:
    with pytest.raises(RoundelError, match="'level' is no setting"):
        numcodecs.get_codec({"id": "roundel", "level": 3})


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_decode_takes_any_buffer_and_fills_out(form: object) -> None:
    array, codec = scene(20, 30), Roundel(effort=0)
    data = form(codec.encode(array))
    assert np.array_equal(codec.decode(data), array)
    out = np.empty_like(array)
    codec.decode(data, out=out)
    assert np.array_equal(out, array)


def test_bytes_without_a_shape_are_refused() -> None:
    with pytest.raises(RoundelError, match="rows and columns"):
        Roundel(effort=0).encode(np.arange(6, dtype=np.uint8))


def test_damage() -> None:
    with pytest.raises(RoundelError):
        Roundel().decode(b"nothing of ours")
