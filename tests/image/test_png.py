"""PNG files of every kind of the PNG suite: each sample right; chunks kept, and written where they belong."""

import io
import struct
import warnings
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from roundel import image
from roundel.errors import ImageError, RoundelWarning
from tests.image import pngs

RNG = np.random.default_rng(21)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def samples(colour_type: int, depth: int, height: int = 13, width: int = 19) -> np.ndarray:
    return RNG.integers(0, 2**depth, (height, width, pngs.CHANNELS[colour_type]), dtype=np.uint16)


def palette(depth: int) -> np.ndarray:
    return RNG.integers(0, 256, (2**depth, 3), dtype=np.uint8)


def shown(stored: np.ndarray, depth: int) -> np.ndarray:
    """What stored samples mean at 8 bits, or at 16."""
    return stored if depth == 16 else (stored * (255 // (2**depth - 1))).astype(np.uint8)


def read(file: io.BytesIO) -> image.Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return image.read(file)


@pytest.mark.parametrize(("colour_type", "depth"), pngs.KINDS)
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(13, 19), (1, 1), (2, 5)])
def test_every_colour_type_depth_and_interlace(
    colour_type: int, depth: int, interlaced: bool, size: tuple[int, int]
) -> None:
    stored = samples(colour_type, depth, *size)
    colours = palette(depth) if colour_type == 3 else None
    before = [(b"PLTE", colours.tobytes())] if colours is not None else []
    file = pngs.build(stored, colour_type, depth, interlaced=interlaced, before=before)
    expected = colours[stored[:, :, 0]] if colours is not None else shown(stored, depth)
    if not interlaced:  # the file is what we think it is
        other = imagecodecs.png_decode(file.getvalue())
        np.testing.assert_array_equal(other.reshape(expected.shape), expected)
    found = image.to_array(read(file))
    assert found.dtype == (np.uint16 if depth == 16 else np.uint8)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@pytest.mark.parametrize(("colour_type", "depth"), [kind for kind in pngs.KINDS if kind[0] in (0, 2)])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_transparent_colour_becomes_alpha(colour_type: int, depth: int, interlaced: bool) -> None:
    stored = samples(colour_type, depth)
    key = stored[3, 4]
    chunks = [(b"tRNS", key.astype(">u2").tobytes())]
    found = read(pngs.build(stored, colour_type, depth, interlaced=interlaced, before=chunks))
    whole = 65535 if depth == 16 else 255
    np.testing.assert_array_equal(found.pixels, shown(stored, depth))
    np.testing.assert_array_equal(found.alpha, np.where((stored == key).all(axis=2), 0, whole))
    assert found.alpha is not None
    assert found.alpha[3, 4] == 0


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_transparent_palettes_may_be_shorter_than_the_palette(depth: int) -> None:
    stored, colours = samples(3, depth), palette(depth)
    opacities = bytes([0, 128, 7][: 2**depth - 1])
    found = read(pngs.build(stored, 3, depth, before=[(b"PLTE", colours.tobytes()), (b"tRNS", opacities)]))
    np.testing.assert_array_equal(found.pixels, colours[stored[:, :, 0]])
    table = np.full(256, 255, np.uint8)
    table[: len(opacities)] = list(opacities)
    np.testing.assert_array_equal(found.alpha, table[stored[:, :, 0]])


def test_an_index_without_a_colour_is_damage() -> None:
    with pytest.raises(ImageError, match="an index of 3"):
        image.read(pngs.build(np.full((4, 4, 1), 3), 3, 2, before=[(b"PLTE", bytes(9))]))


# ---- chunks

GAMMA = struct.pack(">I", 100_000)
CHROMATICITIES = struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    "chunks",
    [
        {b"gAMA": GAMMA},
        {b"gAMA": GAMMA, b"cHRM": CHROMATICITIES},
        {b"sRGB": b"\1"},
        {b"cICP": bytes([9, 16, 0, 1]), b"mDCV": bytes(24), b"cLLI": bytes(8)},
    ],
)
def test_what_samples_mean_as_light_is_kept_and_written(depth: int, chunks: dict[bytes, bytes]) -> None:
    picture = read(pngs.build(samples(2, depth), 2, depth, before=list(chunks.items())))
    assert picture.colour == chunks
    out = io.BytesIO()
    image.write(picture, out, "PNG")
    for kind, content in chunks.items():
        place = out.getvalue().index(pngs.chunk(kind, content))
        assert place < out.getvalue().index(b"IDAT")
    pillow = Image.open(out)
    assert pillow.info.get("gamma") == (1.0 if b"gAMA" in chunks else None)


def test_srgb_by_other_words_costs_no_warning() -> None:
    srgb = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    for chunks in ({b"gAMA": struct.pack(">I", 45455), b"cHRM": srgb}, {b"cICP": bytes([1, 13, 0, 1])}):
        picture = read(pngs.build(samples(2, 8), 2, 8, before=list(chunks.items())))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image.write(picture, io.BytesIO(), "WEBP")


@pytest.mark.parametrize("depth", [8, 16])
def test_texts_come_back_in_any_script(depth: int) -> None:
    texts = [("Title", "tEXt", "Größe"), ("Comment", "zTXt", "x" * 5000), ("Author", "iTXt", "李 µm")]
    chunks = [
        (b"tEXt", b"Title\0" + texts[0][2].encode("latin-1")),
        (b"zTXt", b"Comment\0\0" + zlib.compress(texts[1][2].encode("latin-1"))),
        (b"iTXt", b"Author\0\0\0zh\0\xe4\xbd\x9c\0" + texts[2][2].encode()),
    ]
    for after in (False, True):
        file = pngs.build(samples(0, depth), 0, depth, **{"after" if after else "before": chunks})
        picture = read(file)
        assert picture.texts == tuple((keyword, text) for keyword, _, text in texts)
        out = io.BytesIO()
        image.write(picture, out, "PNG")
        out.seek(0)
        assert read(out).texts == picture.texts
        assert Image.open(out).text == dict(picture.texts)  # type: ignore[attr-defined]


def test_profiles_and_texts_of_many_megabytes_are_read_and_written() -> None:
    large = ICC + RNG.bytes(3 << 19) + bytes(1 << 20)
    text = "a" * (3 << 20)
    chunks = [(b"iCCP", b"x\0\0" + zlib.compress(large)), (b"zTXt", b"Comment\0\0" + zlib.compress(text.encode()))]
    picture = read(pngs.build(samples(2, 8), 2, 8, before=chunks))
    assert picture.icc == large
    assert picture.texts == (("Comment", text),)
    out = io.BytesIO()
    image.write(picture, out, "PNG")
    out.seek(0)
    assert read(out).icc == large


def test_a_bomb_in_a_profile_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundel.image.png.notes.MAX_INFLATED_BYTES", 1 << 20)
    bomb = zlib.compress(bytes(2 << 20))
    with pytest.warns(RoundelWarning, match="colour profile that is damaged or too large"):
        picture = image.read(pngs.build(samples(2, 8), 2, 8, before=[(b"iCCP", b"x\0\0" + bomb)]))
    assert picture.icc is None


def test_resolution_is_kept_to_the_number() -> None:
    picture = read(pngs.build(samples(0, 8), 0, 8, before=[(b"pHYs", struct.pack(">IIB", 11811, 5906, 1))]))
    assert picture.resolution == image.Resolution(11811, 5906, 3)
    out = io.BytesIO()
    image.write(picture, out, "PNG")
    assert pngs.chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1)) in out.getvalue()
    ratio = read(pngs.build(samples(0, 8), 0, 8, before=[(b"pHYs", struct.pack(">IIB", 4, 3, 0))]))
    out = io.BytesIO()
    image.write(ratio, out, "PNG")
    assert pngs.chunk(b"pHYs", struct.pack(">IIB", 4, 3, 0)) in out.getvalue()


def test_significant_bits_are_believed_only_where_they_hold() -> None:
    twelve = samples(2, 12)
    scaled = np.floor(twelve * (65535 / 4095) + 0.5).astype(np.uint16)
    picture = read(pngs.build(scaled, 2, 16, before=[(b"sBIT", b"\x0c\x0c\x0c")]))
    assert picture.sample_max == 4095
    out = io.BytesIO()
    image.write(picture, out, "PNG")
    assert pngs.chunk(b"sBIT", b"\x0c\x0c\x0c") in out.getvalue()
    assert read(pngs.build(samples(2, 16), 2, 16, before=[(b"sBIT", b"\x0c\x0c\x0c")])).sample_max is None


def test_an_animation_gives_its_default_picture_and_the_number_of_frames() -> None:
    frames = [Image.fromarray(shown(samples(2, 8), 8)) for _ in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    buffer.seek(0)
    with pytest.warns(RoundelWarning, match="first of 3 frames") as caught:
        found = image.read(buffer)
    assert len(caught) == 1
    np.testing.assert_array_equal(found.pixels, np.asarray(frames[0]))


def test_what_is_left_out_is_named_once() -> None:
    chunks = [(b"caBX", b"jumb"), (b"prVt", b"own"), (b"prVt", b"again"), (b"tIME", bytes(7))]
    with pytest.warns(RoundelWarning, match="content credentials and the chunk prVt") as caught:
        image.read(pngs.build(samples(2, 8), 2, 8, after=chunks))
    assert len(caught) == 1


def test_damage_and_ends_that_are_missing() -> None:
    whole = pngs.build(samples(2, 8), 2, 8, before=[(b"gAMA", GAMMA)]).getvalue()
    for place in (30, whole.index(b"gAMA") + 6, whole.index(b"IDAT") + 9):
        broken = bytearray(whole)
        broken[place] ^= 1
        with pytest.raises(ImageError, match="damaged"):
            image.read(io.BytesIO(bytes(broken)))
    with pytest.warns(RoundelWarning, match="without its last chunk; the picture is whole"):
        image.read(pngs.build(samples(2, 8), 2, 8, end=False))
    with pytest.raises(ImageError, match="truncated"):
        image.read(io.BytesIO(whole[:-20]))
    with pytest.raises(ImageError, match="CgBI"):
        image.read(pngs.build(samples(2, 8), 2, 8, before=[(b"CgBI", bytes(4))]))


def test_large_pictures_obey_our_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr("roundel.image.pil._BAND_PIXELS", 10)
    for depth in (8, 16):
        file = pngs.build(samples(6, depth), 6, depth)
        assert read(file).width == 19
        file.seek(0)
        with pytest.raises(ImageError, match="19×13 pixels are more than the limit of 246"):
            image.read(file, max_pixels=246)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_deep_pictures_are_written_as_others_read_them(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roundel.image.png.deep._BAND_BYTES", 1000)  # several bands
    array = RNG.integers(0, 65536, (40, 33, channels), dtype=np.uint16)
    out = io.BytesIO()
    image.write(image.from_array(array), out, "PNG")
    np.testing.assert_array_equal(imagecodecs.png_decode(out.getvalue()).reshape(array.shape), array)
