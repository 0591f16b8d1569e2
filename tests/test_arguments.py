"""What users hand in: every form of picture and file is taken, every mistake is a RoundelError."""

import io
import pydoc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel import RoundelError
from roundel.arguments import picture
from roundel.image import to_array
from tests.standin import BlockMeans, Exact
from tests.test_codec import scene

EXACT = Exact()


class Tensor:
    """What a torch tensor offers, without torch."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values
        self.shape = values.shape

    def detach(self) -> "Tensor":
        return self

    cpu = detach

    def double(self) -> "Tensor":
        return Tensor(self._values.astype(np.float64))

    def is_floating_point(self) -> bool:
        return self._values.dtype.kind == "f"

    def numpy(self) -> np.ndarray:
        return self._values


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


# ---- pictures in


def test_every_form_of_picture_gives_the_same_file(tmp_path: Path) -> None:
    pixels = scene(40, 50)
    path = tmp_path / "a.png"
    path.write_bytes(png(pixels))
    forms = [
        pixels,
        str(path),
        path,
        io.BytesIO(png(pixels)),
        Image.fromarray(pixels),
        Tensor(pixels.transpose(2, 0, 1)),
        Tensor(pixels.transpose(2, 0, 1).astype(np.float32) / 255),
    ]
    assert len({roundel.encode(form, model=EXACT) for form in forms}) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 9, 7), (2, 9, 7), (3, 9, 7), (4, 9, 7), (9, 7)])
def test_tensors_of_every_number_of_channels(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    expected = values if values.ndim == 2 else values.transpose(1, 2, 0)
    assert np.array_equal(to_array(picture(Tensor(values))), expected[..., 0] if shape[0] == 1 else expected)


def test_tensors_of_torch() -> None:
    torch = pytest.importorskip("torch")
    values = torch.rand(3, 9, 7, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected = (values.detach() * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.array_equal(picture(values).pixels, expected)
    assert np.array_equal(picture(values.to(torch.bfloat16)).pixels.shape, (9, 7, 3))


@pytest.mark.parametrize(
    "source",
    [
        None,
        7,
        3.5,
        object(),
        ["a.png"],
        b"bytes",
        np.zeros((5, 5), np.float32),
        np.zeros((5, 5), bool),
        np.zeros((2, 5, 5, 3), np.uint8),
        np.zeros((0, 5), np.uint8),
        Tensor(np.zeros((2, 3, 5, 5), np.uint8)),
        Tensor(np.zeros((5, 5, 3), np.uint8)),
        Tensor(np.full((3, 5, 5), 1.5)),
        Tensor(np.full((3, 5, 5), np.nan)),
        "nowhere.png",
        Path("nowhere.png"),
        "nul\0.png",
        ".",
        io.StringIO("text"),
        io.BytesIO(b"no picture"),
    ],
    ids=repr,
)
def test_what_is_no_picture_is_refused(source: object) -> None:
    with pytest.raises(RoundelError):
        roundel.encode(source, model=EXACT)  # type: ignore[arg-type]


def test_a_roundel_file_is_not_encoded_again(tmp_path: Path) -> None:
    path = tmp_path / "a.rndl"
    path.write_bytes(roundel.encode(scene(9, 9), model=EXACT))
    with pytest.raises(RoundelError, match="already a roundel file"):
        roundel.encode(path, model=EXACT)
    with pytest.raises(RoundelError, match="already a roundel file"):
        roundel.encode(io.BytesIO(path.read_bytes()), model=EXACT)


@pytest.mark.parametrize(
    "arguments",
    [
        {"quality": 62.5},
        {"quality": "60"},
        {"quality": True},
        {"quality": 101},
        {"quality": None, "target_size": 0},
        {"target_bpp": -1},
        {"target_psnr": "high"},
        {"target_bpp": float("nan")},
        {"quality": 50, "target_bpp": 1.0},
        {"lossless": True, "target_psnr": 30},
        {"effort": 10},
        {"effort": 2.5},
        {"tile_px": 0},
        {"tile_px": 64.0},
        {"tile_px": 33 * 64},
        {"jobs": 0},
        {"jobs": "two"},
        {"max_pixels": 0},
        {"model": 3.5},
        {"model": True},
        {"model": object()},
        {"model": "nowhere.safetensors"},
        {"model": Path("nowhere.safetensors")},
        {"model": 54321},
    ],
    ids=repr,
)
def test_wrong_arguments_of_encode(arguments: dict[str, object]) -> None:
    with pytest.raises(RoundelError):
        roundel.encode(scene(9, 9), **{"model": BlockMeans(), **arguments})  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    a = roundel.encode(scene(9, 9), model=BlockMeans(), quality=np.int64(30))  # type: ignore[arg-type]
    assert a == roundel.encode(scene(9, 9), model=BlockMeans(), quality=30)


def test_max_pixels_rules_over_files_that_are_encoded(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(scene(10, 10)))
    with pytest.raises(RoundelError, match="max_pixels"):
        roundel.encode(tmp_path / "a.png", model=EXACT, max_pixels=99)


# ---- files in


def test_every_form_of_file_decodes(tmp_path: Path) -> None:
    data = roundel.encode(scene(40, 50), model=EXACT)
    path = tmp_path / "a.rndl"
    path.write_bytes(data)
    for form in (data, bytearray(data), memoryview(data), str(path), path, io.BytesIO(data), path.open("rb")):
        assert np.array_equal(roundel.decode_array(form, model=EXACT), scene(40, 50))
        if hasattr(form, "seek"):
            form.seek(0)  # type: ignore[union-attr]
        assert roundel.info(form).header.width == 50
        if hasattr(form, "close"):
            form.close()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "source", [None, 7, ["a"], "nowhere.rndl", Path("nowhere"), "nul\0", ".", io.StringIO("text"), b"", b"GIF89a"]
)
def test_what_is_no_file_is_refused(source: object) -> None:
    for function in (roundel.decode, roundel.decode_array, roundel.info, roundel.unpack):
        with pytest.raises(RoundelError):
            function(source)  # type: ignore[operator]


@pytest.mark.parametrize(
    "arguments",
    [
        {"region": (0, 0, 5)},
        {"region": (0, 0, 5.5, 5)},
        {"region": "0,0,5,5"},
        {"region": 7},
        {"region": (0, 0, 50, 5)},
        {"passes": 0},
        {"passes": "1"},
        {"passes": 4},
        {"reduce": -1},
        {"reduce": 1.5},
        {"reduce": 32},
        {"jobs": 0},
        {"max_pixels": 80},
        {"model": "no-such"},
    ],
    ids=repr,
)
def test_wrong_arguments_of_decode(arguments: dict[str, object]) -> None:
    data = roundel.encode(scene(9, 9), model=BlockMeans())
    for function in (roundel.decode, roundel.decode_array):
        with pytest.raises(RoundelError):
            function(data, **{"model": BlockMeans(), **arguments})  # type: ignore[operator]


# ---- what the package shows


def test_dir_and_help_list_the_functions_and_nothing_else() -> None:
    functions = {"encode", "decode", "decode_array", "open", "info", "pack", "unpack", "tokenize", "detokenize"}
    listed = set(dir(roundel))
    assert functions <= listed
    assert not {"Any", "TYPE_CHECKING", "import_module"} & listed
    text = pydoc.plain(pydoc.render_doc(roundel))
    for name in functions:
        assert f"{name}(" in text
    with pytest.raises(AttributeError):
        _ = roundel.nothing
