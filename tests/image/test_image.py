"""Picture files of every kind come in as they are, or fail with a named error; what is written reads back."""

import contextlib
import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from roundel import image
from roundel.errors import ImageError, RoundelWarning
from roundel.image import Picture

RNG = np.random.default_rng(20)
RGBA = RNG.integers(0, 256, (7, 5, 4), dtype=np.uint8)
RGBA16 = RNG.integers(0, 65536, (7, 5, 4), dtype=np.uint16)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = '<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/">ŷ</x:xmpmeta>'.encode()


def exif_block(value: int, byte_order: str = "<") -> bytes:
    """An EXIF block of two tags: a make, and an orientation."""
    mark = {"<": b"II", ">": b"MM"}[byte_order]
    head = mark + struct.pack(byte_order + "HIH", 42, 8, 2)
    make = struct.pack(byte_order + "HHI", 0x010F, 2, 4) + b"Abc\0"
    turned = struct.pack(byte_order + "HHIHH", 0x0112, 3, 1, value, 0)
    return head + make + turned + bytes(4)


def saved(pil: Image.Image, format: str, **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    pil.save(buffer, format, **options)
    buffer.seek(0)
    return buffer


def through(picture: Picture, format: str) -> Picture:
    buffer = io.BytesIO()
    image.write(picture, buffer, format)
    buffer.seek(0)
    return image.read(buffer)


@pytest.mark.parametrize(
    ("format", "array"),
    [
        ("PNG", RGBA), ("PNG", RGBA[:, :, :3]), ("PNG", RGBA[:, :, :2]), ("PNG", RGBA[:, :, 0]),
        ("PNG", RGBA16), ("PNG", RGBA16[:, :, :3]), ("PNG", RGBA16[:, :, :2]), ("PNG", RGBA16[:, :, 0]),
        ("WEBP", RGBA), ("WEBP", RGBA[:, :, :3]), ("TIFF", RGBA), ("TIFF", RGBA[:, :, 0]), ("TIFF", RGBA16[:, :, 0]),
        ("BMP", RGBA[:, :, :3]), ("BMP", RGBA[:, :, 0]), ("PPM", RGBA[:, :, :3]), ("PPM", RGBA[:, :, 0]),
        ("PPM", RGBA16[:, :, :3]), ("PPM", RGBA16[:, :, 0]),
    ],
)  # fmt: skip
def test_what_a_lossless_format_holds_comes_back(format: str, array: np.ndarray) -> None:
    back = image.to_array(through(image.from_array(array), format))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_colour_under_full_transparency_survives() -> None:
    array = RGBA.copy()
    array[:, :, 3] = 0
    for format in ("PNG", "WEBP", "TIFF"):
        np.testing.assert_array_equal(image.to_array(through(image.from_array(array), format)), array)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("depth", [8, 16])
def test_metadata_is_kept_to_the_byte(format: str, depth: int) -> None:
    array = (RGBA if depth == 8 else RGBA16)[:, :, :3]
    exif = exif_block(1, ">")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RoundelWarning)
        back = through(Picture(array, icc=ICC, exif=exif, xmp=XMP), format)
    assert back.icc == ICC
    assert back.xmp == XMP
    if format == "TIFF":  # there EXIF is a directory of the file, not a block of bytes
        found = Image.Exif()
        found.load(back.exif)
        assert found[0x010F] == "Abc"
    else:
        assert back.exif == exif


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("byte_order", "<>")
def test_orientation_is_applied_and_reset(value: int, byte_order: str) -> None:
    source = saved(Image.fromarray(RGBA), "PNG", exif=exif_block(value, byte_order))
    picture = image.read(source)
    expected = ImageOps.exif_transpose(Image.open(source))
    np.testing.assert_array_equal(image.to_array(picture), np.asarray(expected))
    assert picture.exif == exif_block(1, byte_order)


@pytest.mark.parametrize("written", [b'tiff:Orientation="6"', b"<tiff:Orientation>6</tiff:Orientation>"])
def test_xmp_turns_with_the_picture(written: bytes) -> None:
    source = saved(Image.fromarray(RGBA), "WEBP", exif=exif_block(6), xmp=b"<x>" + written + b"</x>", lossless=True)
    assert image.read(source).xmp == b"<x>" + written.replace(b"6", b"1") + b"</x>"
    upright = saved(Image.fromarray(RGBA), "WEBP", exif=exif_block(1), xmp=b"<x>" + written + b"</x>", lossless=True)
    assert image.read(upright).xmp == b"<x>" + written + b"</x>"


def test_orientation_of_a_tiff_is_applied_once() -> None:
    tiff = saved(Image.fromarray(RGBA[:, :, :3]), "TIFF", tiffinfo={274: 6})
    np.testing.assert_array_equal(image.read(tiff).pixels, np.rot90(RGBA[:, :, :3], -1))


@pytest.mark.parametrize("cut", range(0, 38, 3))
def test_a_damaged_exif_block_is_kept_as_it_is(cut: int) -> None:
    block = exif_block(9)[: 8 + cut]
    assert through(Picture(RGBA[:, :, :3], exif=block), "WEBP").exif == block


def test_palette_with_and_without_transparency() -> None:
    indexed = Image.fromarray(RGBA[:, :, 0] % 3)
    indexed.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], np.uint8)[RGBA[:, :, 0] % 3]
    plain = image.read(saved(indexed, "PNG"))
    np.testing.assert_array_equal(plain.pixels, colours)
    assert plain.alpha is None
    clear = image.read(saved(indexed, "PNG", transparency=bytes([0, 128, 255])))
    np.testing.assert_array_equal(clear.pixels, colours)
    np.testing.assert_array_equal(clear.alpha, np.array([0, 128, 255], np.uint8)[RGBA[:, :, 0] % 3])


def test_transparent_colours_become_alpha() -> None:
    grey, rgb = RGBA[:, :, 0], RGBA[:, :, :3]
    found = image.read(saved(Image.fromarray(grey), "PNG", transparency=int(grey[2, 3])))
    np.testing.assert_array_equal(found.alpha, np.where(grey == grey[2, 3], 0, 255))
    found = image.read(saved(Image.fromarray(rgb), "PNG", transparency=tuple(int(v) for v in rgb[2, 3])))
    np.testing.assert_array_equal(found.alpha, np.where((rgb == rgb[2, 3]).all(axis=2), 0, 255))


def test_one_bit_becomes_black_and_white() -> None:
    bits = RGBA[:, :, 0] > 127
    for format in ("PNG", "TIFF", "BMP", "PPM"):
        found = image.read(saved(Image.fromarray(bits), format))
        np.testing.assert_array_equal(found.pixels[:, :, 0], bits * np.uint8(255))


def test_pnm_of_ten_bits_is_scaled_to_sixteen() -> None:
    samples = np.array([[0, 1, 1023]], ">u2")
    found = image.read(io.BytesIO(b"P5 # a comment\n3 1\n1023\n" + samples.tobytes()))
    np.testing.assert_array_equal(found.pixels[:, :, 0], [[0, 64, 65535]])  # 65535 / 1023 = 64.06


def test_cmyk_becomes_rgb_with_a_warning() -> None:
    cmyk = Image.fromarray(np.full((9, 8, 4), (255, 0, 0, 0), np.uint8), "CMYK")
    with pytest.warns(RoundelWarning, match="CMYK"):
        found = image.read(saved(cmyk, "TIFF"))
    np.testing.assert_array_equal(found.pixels[0, 0], [0, 255, 255])


def test_an_animation_gives_its_first_frame_with_a_warning() -> None:
    frames = [Image.fromarray(RGBA[:, :, :3]), Image.fromarray(255 - RGBA[:, :, :3])]
    with pytest.warns(RoundelWarning, match="2 frames"):
        found = image.read(saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    np.testing.assert_array_equal(found.pixels, RGBA[:, :, :3])


@pytest.mark.parametrize("mode", ["F", "I", "LAB", "HSV"])
def test_modes_that_cannot_be_kept_are_named(mode: str) -> None:
    with pytest.raises(ImageError, match=mode):
        image.from_pil(Image.new(mode, (4, 4)))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM"])
def test_a_file_cut_short_is_an_image_error(format: str) -> None:
    noise = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    whole = saved(Image.fromarray(noise), format).getvalue()
    for length in [0, 1, 2, 5, 9, 20, 60, len(whole) // 3, len(whole) // 2, len(whole) - 200]:
        with pytest.raises(ImageError):
            image.read(io.BytesIO(whole[:length]))


def test_flipped_bytes_never_raise_anything_else() -> None:
    rng = np.random.default_rng(21)
    for format in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF"):
        whole = saved(Image.fromarray(RGBA[:, :, :3]), format).getvalue()
        for _ in range(60):
            data = bytearray(whole)
            for position in rng.integers(0, len(data), 3):
                data[position] = rng.integers(256)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with contextlib.suppress(ImageError):
                    image.read(io.BytesIO(bytes(data)), max_pixels=10_000)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    tiny = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    tiny += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(ImageError, match="100000×100000"):
        image.read(io.BytesIO(tiny))
    with pytest.raises(ImageError, match="34"):
        image.read(saved(Image.fromarray(RGBA), "PNG"), max_pixels=34)
    assert image.read(saved(Image.fromarray(RGBA), "PNG"), max_pixels=35).width == 5


def test_errors_name_the_file(tmp_path) -> None:
    (tmp_path / "no.png").write_bytes(b"this is not a picture")
    for path in (tmp_path / "no.png", tmp_path / "missing.png", tmp_path):
        with pytest.raises(ImageError, match=path.name):
            image.read(path)


def test_write_picks_the_format_and_never_leaves_half_a_file(tmp_path) -> None:
    picture = image.from_array(RGBA)
    image.write(picture, tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").format == "PNG"
    with pytest.raises(ImageError, match=r"\.webp"):
        image.write(picture, tmp_path / "a.xyz")
    too_wide = Picture(np.zeros((1, 70_000, 3), np.uint8))
    for suffix in ("jpg", "webp"):
        with pytest.raises(ImageError, match="70000"):
            image.write(too_wide, tmp_path / f"wide.{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_jpeg_drops_alpha_with_a_warning() -> None:
    with pytest.warns(RoundelWarning, match="alpha"):
        found = through(image.from_array(RGBA), "JPEG")
    assert found.alpha is None


def test_depth_reduction_rounds_and_inverts_widening() -> None:
    wide = Picture(np.arange(256, dtype=np.uint16).reshape(16, 16, 1) * 257)
    np.testing.assert_array_equal(image.reduce_depth(wide).pixels.ravel(), np.arange(256))
    every = Picture(np.arange(65536, dtype=np.uint16).reshape(256, 256, 1))
    np.testing.assert_array_equal(image.reduce_depth(every).pixels.ravel(), np.rint(np.arange(65536) * 255 / 65535))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ycocg_r_is_reversible_and_grey_has_no_chroma(dtype: type) -> None:
    high = np.iinfo(dtype).max
    corners = np.array(np.meshgrid([0, 1, high], [0, 1, high], [0, 1, high])).reshape(3, -1).T.astype(dtype)
    samples = np.concatenate([corners, RNG.integers(0, high + 1, (500, 3), dtype=dtype)])
    np.testing.assert_array_equal(image.ycocg_r_inverse(image.ycocg_r(samples)), samples)
    np.testing.assert_array_equal(image.ycocg_r(np.array([9, 9, 9], np.uint8)), [9, 0, 0])
    np.testing.assert_array_equal(image.ycocg_r(np.array([255, 0, 1], np.uint8)), [64, 254, -128])


def test_reading_leaves_pillows_own_limit_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS
    image.read(saved(Image.fromarray(RGBA), "PNG"))
    assert before == Image.MAX_IMAGE_PIXELS
