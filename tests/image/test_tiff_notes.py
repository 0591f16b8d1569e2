"""What a TIFF says beside its samples: texts to the byte, resolution, private tags, EXIF, from and to other formats."""

import io
import struct
import warnings
from fractions import Fraction

import numpy as np
import pytest
import tifffile
from PIL import Image

from roundel import image
from roundel.errors import RoundelWarning
from roundel.image.tiff.directory import ASCII, Entry, integers, structure
from tests.image.tiffs import samples, tiff

OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image ID="Image:0" Name="Präparat 細胞"><Pixels PhysicalSizeX="0.25" PhysicalSizeXUnit="µm"/></Image></OME>'
).encode()


def read(file: io.BytesIO) -> image.Picture:
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return image.read(file)


def written(picture: image.Picture, format: str = "TIFF") -> io.BytesIO:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image.write(picture, out, format)
    out.seek(0)
    return out


def tags(file: io.BytesIO) -> dict[int, object]:
    file.seek(0)
    with tifffile.TiffFile(file) as found:
        return {tag.code: tag.value for tag in found.pages[0].tags}


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_a_description_in_utf_8_comes_back_to_the_byte(byteorder: str, big: bool) -> None:
    file = tiff(samples(1, 16), description=OME, byteorder=byteorder, bigtiff=big)
    assert OME in file.getvalue()
    picture = read(file)
    assert picture.exif is not None
    assert OME + b"\0" in picture.exif
    again = written(picture)
    assert OME + b"\0" in again.getvalue()
    with tifffile.TiffFile(again) as found:
        assert found.ome_metadata == OME.decode()
    assert read(written(picture, "PNG")).exif == picture.exif
    assert read(again).exif == picture.exif


def test_texts_numbers_and_private_tags_come_back() -> None:
    extra = [
        (315, 2, 0, "Ada Lovelace", True),  # artist
        (33432, 2, 0, "© 2024".encode() + b"\0", True),  # copyright
        (33550, 12, 3, (0.5, 0.5, 0.0), True),  # pixel scale of GeoTIFF
        (34735, 3, 4, (1, 1, 0, 0), True),  # keys of GeoTIFF
        (42112, 2, 0, "<GDALMetadata/>", True),
        (65000, 4, 2, (123456, 7), True),
    ]
    file = tiff(samples(3), photometric="rgb", extratags=extra, software="a program", bigtiff=True)
    before, after = tags(file), tags(written(read(file)))
    for tag in (305, 315, 33550, 34735, 42112, 65000):
        assert after[tag] == before[tag], tag
    assert "© 2024".encode() in written(read(file)).getvalue()


@pytest.mark.parametrize(("unit", "number"), [("none", 1), ("inch", 2), ("centimeter", 3)])
def test_resolution_comes_back_with_its_unit(unit: str, number: int) -> None:
    file = tiff(samples(1), resolution=((1200, 7), (600, 7)), resolutionunit=unit)
    picture = read(file)
    assert picture.resolution == image.Resolution(Fraction(1200, 7), Fraction(600, 7), number - 1)
    after = tags(written(picture))
    assert (after[282], after[283], after[296]) == ((1200, 7), (600, 7), number)


def test_resolution_goes_from_tiff_to_png_and_jpeg() -> None:
    picture = read(tiff(samples(1), resolution=(300, 300), resolutionunit="inch"))
    png = Image.open(written(picture, "PNG"))
    assert png.info["dpi"] == (299.9994, 299.9994)  # 11811 pixels per metre, the nearest that PNG holds
    jpeg = Image.open(written(picture, "JPEG"))
    assert (jpeg.info["jfif_unit"], jpeg.info["jfif_density"]) == (1, (300, 300))
    assert tags(written(read(written(picture, "PNG"))))[282] == (11811, 100)
    with pytest.warns(RoundelWarning, match="WEBP cannot hold resolution"):
        image.write(picture, io.BytesIO(), "WEBP")


def test_resolution_of_exif_alone_is_written_to_tiff() -> None:
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 240.0, 240.0, 2
    picture = image.Picture(np.zeros((4, 4, 3), np.uint8), exif=exif.tobytes()[6:])
    assert tags(written(picture))[282] == (240, 1)


def test_exif_and_gps_of_a_photo_go_through_tiff() -> None:
    exif = Image.Exif()
    exif[271] = "Maker"
    exif.get_ifd(0x8769)[33434] = 0.004
    exif.get_ifd(0x8769)[37510] = b"ASCII\0\0\0hello"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    block = exif.tobytes()[6:]
    picture = image.Picture(np.zeros((4, 4, 3), np.uint8), exif=block)
    found = Image.Exif()
    found.load(read(written(picture)).exif or b"")
    assert found[271] == "Maker"
    assert float(found.get_ifd(0x8769)[33434]) == 0.004
    assert found.get_ifd(0x8769)[37510] == b"ASCII\0\0\0hello"
    assert found.get_ifd(0x8825)[2] == (51.0, 30.0, 0.0)


def test_profile_xmp_and_photoshop_s_resources_come_back() -> None:
    picture = image.Picture(
        samples(3, 16), icc=b"profile", xmp=b"<x:xmpmeta>\xc2\xb5</x:xmpmeta>", photoshop=b"8BIM\x04\x04\0\0\0\0\0\0"
    )
    again = read(written(picture))
    assert (again.icc, again.xmp, again.photoshop) == (picture.icc, picture.xmp, picture.photoshop)
    found = tags(written(picture))
    assert bytes(found[700]) == picture.xmp  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [9, 12, 20, 30])
def test_a_damaged_exif_block_does_not_cost_the_picture(cut: int) -> None:
    block = structure({271: Entry(ASCII, 12, b"Maker of it\0"), 274: integers("<", 3, 1)}, "<")
    picture = image.Picture(samples(3), exif=block[:cut])
    np.testing.assert_array_equal(read(written(picture)).pixels, picture.pixels)


def test_pointers_in_a_circle_end() -> None:
    circle = struct.pack("<4sIHHHIII", b"II*\0", 8, 1, 0x8769, 4, 1, 8, 8)
    picture = image.Picture(samples(3), exif=circle)
    np.testing.assert_array_equal(read(written(picture)).pixels, picture.pixels)


def test_a_pillow_image_of_a_tiff_has_its_texts_too() -> None:
    picture = image.from_pil(Image.open(tiff(samples(1), description=OME, resolution=(300, 300))))
    assert picture.exif is not None
    assert OME in picture.exif
    assert picture.resolution == image.Resolution(300, 300, 1)
    assert OME in written(picture).getvalue()


def test_long_notes_do_not_cost_a_jpeg_the_others() -> None:
    file = tiff(samples(3), photometric="rgb", description=OME + b" " * 70_000, software="a program")
    out = io.BytesIO()
    with pytest.warns(RoundelWarning, match="JPEG cannot hold the longest notes of EXIF"):
        image.write(image.read(file), out, "JPEG")
    found = Image.open(out).getexif()
    assert found[305] == "a program"
    assert 270 not in found
    broken = image.Picture(samples(3), exif=b"no EXIF block" * 10_000)
    with pytest.warns(RoundelWarning, match="EXIF"):
        image.write(broken, io.BytesIO(), "JPEG")
