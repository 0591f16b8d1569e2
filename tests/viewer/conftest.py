"""Files of several kinds, and a page that stands in for the one that `make web` builds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import roundel
from roundel.viewer import static
from tests.test_codec import scene


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """Odd sides; with grain, since drawings are written without loss."""
    grain = np.random.default_rng(53).normal(0, 14, (61, 95, 3))
    return np.clip(scene(61, 95) + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def encoded(photo: np.ndarray) -> dict[str, bytes]:
    """One picture, lossy at two qualities and without loss."""
    return {
        "rough": roundel.encode(photo, quality=20),
        "fine": roundel.encode(photo, quality=90),
        "exact": roundel.encode(photo, lossless=True, effort=0),
    }


@pytest.fixture
def files(tmp_path: Path, photo: np.ndarray, encoded: dict[str, bytes]) -> Path:
    """A folder with a picture, its files, one that is damaged, and a pack."""
    folder = tmp_path / "files"
    folder.mkdir()
    Image.fromarray(photo).save(folder / "rough.png")
    Image.fromarray(photo).save(folder / "exact.png")
    for name, data in encoded.items():
        (folder / f"{name}.rndl").write_bytes(data)
    (folder / "broken.rndl").write_bytes(encoded["rough"][:60])
    (folder / "set.rndl").write_bytes(roundel.pack([photo[:20, :30], photo[:9, :8]], names=["a.png", "b.png"]))
    return folder


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built page, of the fewest files."""
    built = tmp_path / "built"
    (built / "decoder").mkdir(parents=True)
    (built / "index.html").write_text("<!DOCTYPE html><title>page</title>")
    (built / "decoder" / "index.js").write_text("export {}")
    monkeypatch.setattr(static, "STATIC", built)
    return built
