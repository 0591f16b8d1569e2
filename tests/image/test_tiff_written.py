"""TIFF files that roundel writes."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from roundel import image
from tests.image.tiffs import read, samples


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_written_others_read(bits: int, channels: int) -> None:
    array = samples(channels, bits)
    buffer = io.BytesIO()
    image.write(image.from_array(array), buffer, "TIFF")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(buffer.getvalue())), array)
    np.testing.assert_array_equal(read(io.BytesIO(buffer.getvalue())), array)
    if bits == 8:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(buffer.getvalue()))), array)


def test_bigtiff_is_written_where_four_gigabytes_do_not_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundel.image.tiff.writer._CLASSIC_BYTES", 1000)
    array = samples(3, 16)
    buffer = io.BytesIO()
    image.write(image.Picture(array, icc=b"profile" * 10), buffer, "TIFF")
    assert buffer.getvalue()[:4] == b"II+\0"
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as found:
        np.testing.assert_array_equal(found.asarray(), array)
        assert bytes(found.pages[0].tags[34675].value) == b"profile" * 10
