"""Pillow opens and saves .rndl files as it does other formats."""

import gzip
import io
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageSequence, UnidentifiedImageError

import roundel
import roundel.pillow
from roundel import RoundelError, RoundelWarning
from roundel.image import Picture
from tests.test_codec import scene

FAST = {"lossless": True, "effort": 0}
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"


def saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "ROUNDEL", **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def photo(mode: str = "RGB", size: tuple[int, int] = (53, 40)) -> Image.Image:
    width, height = size
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    return Image.fromarray(scene(height, width, channels).squeeze(), mode=None)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_comes_back(mode: str, tmp_path: Path) -> None:
    image = photo(mode)
    image.save(tmp_path / "x.rndl", **FAST)
    with Image.open(tmp_path / "x.rndl") as found:
        assert (found.mode, found.size, found.format) == (mode, image.size, "ROUNDEL")
        assert found.get_format_mimetype() == "image/x-roundel"
        assert np.array_equal(np.asarray(found), np.asarray(image))


def test_16_bits_of_grey() -> None:
    deep = Image.fromarray((np.arange(30 * 20, dtype=np.uint16) * 109).reshape(20, 30))
    found = opened(saved(deep, **FAST))
    assert found.mode == "I;16"
    assert np.array_equal(np.asarray(found), np.asarray(deep))
    found.thumbnail((5, 5), reducing_gap=None)  # otherwise Pillow reduces first, which it cannot in this mode
    deep.thumbnail((5, 5), reducing_gap=None)
    assert np.array_equal(np.asarray(found), np.asarray(deep))


def test_16_bits_of_colour_are_shown_in_8_with_a_warning() -> None:
    deep = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3) * 36
    found = opened(roundel.encode(deep, **FAST))
    assert found.mode == "RGB"
    with pytest.warns(RoundelWarning, match="shown in 8"):
        found.load()
    assert np.array_equal(np.asarray(found), np.rint(deep / 257).astype(np.uint8))


def test_size_and_metadata_without_decoding(tmp_path: Path) -> None:
    image = photo()
    notes = {"exif": EXIF, "icc_profile": b"profile", "xmp": b"<x/>", "dpi": (300.0, 300.0)}
    data = bytearray(saved(image, **FAST, **notes))
    whole = opened(bytes(data))
    file = roundel.container.read(bytes(data))
    data[file.layout.payload + 3] ^= 1
    broken = opened(bytes(data))
    for found in (whole, broken):
        assert (found.size, found.mode) == (image.size, "RGB")
        assert {key: found.info[key] for key in notes} == notes
    whole.load()
    with pytest.raises(OSError, match="damaged"):
        broken.load()


def test_metadata_of_the_source_stays_unless_it_is_replaced() -> None:
    image = photo()
    image.info |= {"icc_profile": b"own", "exif": EXIF, "dpi": (72.0, 72.0)}
    assert opened(saved(image, **FAST)).info["icc_profile"] == b"own"
    found = opened(saved(image, **FAST, icc_profile=None, exif=b"", dpi=(96, 96))).info
    assert found == {"dpi": (96.0, 96.0)}
    exif = Image.Exif()
    exif[0x010E] = "a hat"
    assert opened(saved(image, **FAST, exif=exif)).getexif()[0x010E] == "a hat"


def test_an_orientation_is_applied() -> None:
    image = photo()
    exif = Image.Exif()
    exif[0x0112] = 6
    found = opened(saved(image, **FAST, exif=exif))
    assert found.size == (40, 53)
    assert found.getexif()[0x0112] == 1
    assert np.array_equal(np.asarray(found), np.rot90(np.asarray(image), -1))


def test_lossy_options_reach_the_encoder() -> None:
    image = photo()
    small, large = (roundel.info(saved(image, quality=quality, model="photo-wavelet")) for quality in (5, 95))
    assert (small.header.quality, large.header.quality) == (5, 95)
    assert small.file_bytes < large.file_bytes
    assert saved(image, quality=30) == roundel.encode(image, quality=30)
    saved(image, quality=30, optimize=True, subsampling=0)  # of other formats


@pytest.mark.parametrize("options", [{"quality": 101}, {"quality": 3, "target_psnr": 30}, {"model": "nobody"}])
def test_wrong_options(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"quality|nobody") as caught:
        photo().save(tmp_path / "x.rndl", **options)
    assert isinstance(caught.value, RoundelError)
    assert not list(tmp_path.iterdir())


def test_a_mode_that_is_not_kept() -> None:
    with pytest.raises(OSError, match="mode F"):
        saved(Image.new("F", (4, 4)))
    with pytest.raises(OSError, match="no pixels"):
        saved(Image.new("RGB", (0, 5)))


# ---- smaller sizes


@pytest.mark.parametrize(("options", "level"), [({"quality": 80, "model": "photo-wavelet"}, 2), (FAST, 1)])
def test_draft_decodes_a_smaller_picture(options: dict[str, object], level: int) -> None:
    data = saved(photo(size=(203, 160)), **options)
    found = opened(data)
    assert found.draft(None, (50, 40)) == ("RGB", (0, 0, 203 / 2**level, 160 / 2**level))
    assert np.array_equal(np.asarray(found), roundel.decode_array(data, reduce=level))
    assert found.draft(None, (20, 20)) is None  # decoded already
    assert opened(data).draft("RGB", (150, 150)) is None


def test_thumbnails() -> None:
    image = photo(size=(203, 160))
    found = opened(saved(image, quality=90))
    found.thumbnail((32, 32))
    image.thumbnail((32, 32))
    assert found.size == image.size
    assert np.abs(np.asarray(found, float) - np.asarray(image)).mean() < 4


# ---- packs


@pytest.fixture(scope="module")
def pack() -> bytes:
    pictures = [Picture(scene(9, 14, seed=0), icc=b"profile"), Picture(scene(12, 7, 1, seed=1)), scene(9, 14, seed=2)]
    pictures.append(Picture(scene(5, 6, seed=3), np.full((5, 6), 9, np.uint8)))
    return roundel.pack(pictures, names=["a", "b", "c", "d"], labels=[3, 2, 1, 0], model="photo-fast")


def test_a_pack_is_a_sequence(pack: bytes) -> None:
    found = opened(pack)
    assert (found.n_frames, found.is_animated, found.tell()) == (4, True, 0)
    assert [frame.mode for frame in ImageSequence.Iterator(found)] == ["RGB", "L", "RGB", "RGBA"]
    for member in reversed(roundel.unpack(pack)):
        found.seek(member.number)
        assert (found.info["name"], found.info["label"]) == (member.name, member.label)
        assert ("icc_profile" in found.info) == (member.number == 0)
        assert np.array_equal(np.asarray(found), member.pixels)
    with pytest.raises(EOFError):
        found.seek(4)


def test_frames_of_one_group_are_decoded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    from roundel.plugins import pillow

    asked = []
    known = pillow.members
    monkeypatch.setattr(pillow, "members", lambda pack, images: asked.append(list(images)) or known(pack, images))
    found = opened(roundel.pack([scene(8, 8, seed=seed) for seed in range(5)], model="photo-fast", group=3))
    for frame in ImageSequence.Iterator(found):
        frame.load()
    assert asked == [[0, 1, 2], [3, 4]]


def test_a_pack_is_written_from_frames(pack: bytes) -> None:
    again = saved(opened(pack), save_all=True, model="photo-fast")
    before, after = roundel.unpack(pack), roundel.unpack(again)
    assert [(m.name, m.label) for m in after] == [(m.name, m.label) for m in before]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(after, before, strict=True))
    one, two = photo(), photo("L", (20, 30))
    data = saved(one, append_images=[two], names=["x", "y"], model="photo-fast")
    assert [m.picture.width for m in roundel.unpack(data)] == [53, 20]
    assert saved(one, save_all=True, **FAST) == saved(one, **FAST)
    with pytest.raises(OSError, match="leave quality out"):
        saved(one, append_images=[two], quality=50)


def test_an_animation_becomes_a_set_with_a_warning(tmp_path: Path) -> None:
    frames = [photo(), photo().rotate(180)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:], duration=40)
    with Image.open(tmp_path / "x.gif") as shown, pytest.warns(RoundelWarning, match="how long frames are shown"):
        data = saved(shown, save_all=True, model="photo-fast")
    assert len(roundel.unpack(data)) == 2


def test_one_frame_of_several_is_kept_with_a_warning(pack: bytes) -> None:
    with pytest.warns(RoundelWarning, match="only one of 4 frames"):
        data = saved(opened(pack), **FAST)
    assert opened(data).size == (14, 9)


# ---- files that are not as they should be


def test_foreign_files_are_not_ours() -> None:
    for data in (b"", b"\x89RN", b"roundel" * 9):
        with pytest.raises(UnidentifiedImageError):
            opened(data)


def test_damage_is_an_oserror_that_names_the_file(tmp_path: Path) -> None:
    data = saved(photo(), **FAST)
    path = tmp_path / "x.rndl"
    path.write_bytes(data[:12] + b"?" + data[13:])
    with pytest.raises(OSError, match=r"x\.rndl: the header is damaged") as caught:
        Image.open(path)
    assert isinstance(caught.value, RoundelError)
    path.write_bytes(data[:20])
    with pytest.raises(OSError, match=r"x\.rndl"):
        Image.open(path)


@pytest.mark.parametrize("part", [0.6, 0.99])
def test_truncated_files(part: float, monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.add.outer(np.arange(90), np.arange(120)) + np.random.default_rng(0).integers(0, 30, (90, 120))
    image = Image.fromarray(ramp.astype(np.uint8))
    data = saved(image, **FAST)
    short = data[: int(len(data) * part)]
    found = opened(short)
    assert found.size == image.size
    with pytest.raises(OSError, match="the file has"):
        found.load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    shown = np.asarray(opened(short), float)
    assert np.abs(shown - np.asarray(image)).mean() < 20


def test_verify(tmp_path: Path, pack: bytes) -> None:
    data = saved(photo(), **FAST, icc_profile=b"p" * 50)
    for whole in (data, pack):
        opened(whole).verify()
        for position in range(40, len(whole), 23):
            broken = bytearray(whole)
            broken[position] ^= 4
            with pytest.raises(OSError):  # noqa: PT011, each place has a message of its own
                opened(bytes(broken)).verify()


def test_every_damage_is_an_oserror(pack: bytes) -> None:
    rng = np.random.default_rng(0)
    data = saved(photo(size=(20, 18)), **FAST, exif=EXIF)
    for whole in (data, pack):
        for _ in range(40):
            broken = bytearray(whole)
            broken[rng.integers(4, len(whole))] ^= 1 << rng.integers(8)
            with pytest.raises(OSError):  # noqa: PT011
                list(map(np.asarray, ImageSequence.Iterator(opened(bytes(broken)))))


# ---- as other plug-ins


def test_a_closed_file(tmp_path: Path) -> None:
    path = tmp_path / "x.rndl"
    photo().save(path, **FAST)
    with Image.open(path) as found:
        pass
    with pytest.raises(ValueError, match="closed"):
        found.load()
    file = path.open("rb")
    found = Image.open(file)
    file.close()
    with pytest.raises(ValueError, match="closed"):
        found.load()


def test_files_that_are_read_through_others(tmp_path: Path) -> None:
    image = photo()
    with gzip.open(tmp_path / "x.rndl.gz", "wb") as packed:
        image.save(packed, "ROUNDEL", **FAST)
    with gzip.open(tmp_path / "x.rndl.gz", "rb") as file:
        assert np.array_equal(np.asarray(Image.open(file)), np.asarray(image))


def test_bytes_that_arrive_one_by_one() -> None:
    parser = ImageFile.Parser()
    data = saved(photo(), **FAST)
    for start in range(0, len(data), 50):
        parser.feed(data[start : start + 50])
    assert np.array_equal(np.asarray(parser.close()), np.asarray(photo()))


def test_threads_share_nothing_but_the_model() -> None:
    data = saved(photo(size=(70, 60)), **FAST)
    expected = np.asarray(photo(size=(70, 60)))
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(found, expected) for found in pool.map(lambda _: np.asarray(opened(data)), range(8)))


def test_copies_and_pickles() -> None:
    found = opened(saved(photo(), **FAST))
    assert np.array_equal(np.asarray(pickle.loads(pickle.dumps(found))), np.asarray(photo()))
    assert np.array_equal(np.asarray(found.copy()), np.asarray(photo()))


def test_texts_stay() -> None:
    data = roundel.encode(Picture(scene(8, 8), texts=(("Comment", "a hat"),)), **FAST)
    assert opened(data).text == {"Comment": "a hat"}
    assert opened(saved(opened(data), **FAST)).text == {"Comment": "a hat"}


def test_a_pixel_limit_of_pillow_s_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photo(), **FAST)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError):
        opened(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert opened(data).load()


PROGRAM = """
import sys
{imports}
assert "numpy" not in sys.modules and "roundel.codec" not in sys.modules, "heavy"
print("ROUNDEL" in getattr(sys.modules.get("PIL.Image"), "OPEN", ()))
"""


@pytest.mark.parametrize(
    ("imports", "registered"),
    [
        ("import roundel", False),
        ("import roundel.pillow", True),
        ("from PIL import Image; import roundel", True),
        ("import roundel; from PIL import Image", False),
    ],
)
def test_which_imports_register(imports: str, registered: bool) -> None:
    program = PROGRAM.format(imports=imports)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(registered)


def test_no_warnings_of_python_s() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.asarray(opened(saved(photo(), **FAST)))
