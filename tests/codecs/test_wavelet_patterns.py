"""The published lossy model on what photographs lack: nothing is erased, and a higher quality is better and larger."""

import numpy as np
import pytest
from skimage import data

from roundel.codecs import zoo
from roundel.codecs.protocol import Window
from roundel.codecs.wavelet.codec import WaveletModel

SIDE = 128


@pytest.fixture(scope="module", params=["ssimulacra2", "psnr"])
def model(request: pytest.FixtureRequest) -> WaveletModel:
    found = zoo.get("photo-wavelet")
    assert isinstance(found, WaveletModel)
    return found.tuned(request.param)


def coded(model: WaveletModel, pixels: np.ndarray, quality: int) -> tuple[np.ndarray, int]:
    """What a picture comes back as, and its bytes."""
    height, width = pixels.shape[:2]
    window = Window(0, 0, height, width)
    passes = model.encode(pixels, window, quality).passes
    return model.render(model.decode(passes, height, width, quality).latents, window, quality), sum(map(len, passes))


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.square(a.astype(float) - b).mean(), 1e-9)))


def pattern(name: str) -> np.ndarray:
    """Black and white unless the name says otherwise, uint8 (SIDE, SIDE, 3)."""
    y, x = np.indices((SIDE, SIDE))
    kind, n = name.rstrip("0123456789"), int(name.lstrip("abcdefghijklmnopqrstuvwxyz") or 1)
    if kind == "bars":
        return np.where((x // n % 2)[..., None], (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    masks = {"checkers": (x // n + y // n) % 2, "stripes": x // n % 2, "halftone": (x + y) % n < n // 2}
    levels = (120, 130) if kind == "faint" else (0, 255)
    mask = masks.get(kind, (x + y) % 2)
    return np.repeat(np.where(mask, levels[1], levels[0]).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize(
    "name", ["checkers1", "checkers2", "checkers4", "checkers8", "faint", "stripes1", "stripes2", "stripes4",
             "stripes8", "halftone4", "bars8"],
)  # fmt: skip
def test_patterns_come_back(model: WaveletModel, name: str) -> None:
    """At quality 95 with 38 dB and more, where earlier models gave 6."""
    pixels = pattern(name)
    assert psnr_db(coded(model, pixels, 95)[0], pixels) >= 38


@pytest.mark.parametrize("quality", [20, 50, 95])
def test_flat_pictures_are_exact_to_two_levels(model: WaveletModel, quality: int) -> None:
    for colour in ((77, 77, 77), (200, 30, 90), (255, 255, 255)):
        pixels = np.broadcast_to(np.array(colour, np.uint8), (SIDE, SIDE, 3)).copy()
        error = np.abs(coded(model, pixels, quality)[0].astype(int) - pixels)
        assert error.max() <= (1 if quality >= 50 else 2)


def test_a_higher_quality_is_larger_and_no_worse(model: WaveletModel) -> None:
    pixels = data.astronaut()[20:148, 150:278]
    sizes, fidelities = [], []
    for quality in range(0, 101, 10):
        decoded, size = coded(model, pixels, quality)
        sizes.append(size)
        fidelities.append(psnr_db(decoded, pixels))
    assert sizes == sorted(sizes)
    assert fidelities == sorted(fidelities)
