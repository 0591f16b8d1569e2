"""A command line that runs in this process with the stand-in models."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roundel.cli.main import run
from roundel.codecs import zoo
from tests.standin import install
from tests.test_codec import scene

Shell = Callable[..., int]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """Call `shell("encode", path, ...)` in an empty folder; the exit code comes back."""
    for name in ("get", "default", "entries"):
        monkeypatch.setattr(zoo, name, getattr(zoo, name))  # put back after the test
    install()
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run([str(argument) for argument in arguments])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A PNG of 200 × 130 pixels."""
    path = tmp_path / "photo.png"
    Image.fromarray(scene(130, 200)).save(path)
    return path


@pytest.fixture
def packed(shell: Shell, photo: Path) -> Path:
    """The same picture as a .rndl file of six tiles."""
    assert shell("encode", photo, "--tile", 64) == 0
    return photo.with_suffix(".rndl")


def pixels(path: Path) -> np.ndarray:
    """What a picture file shows."""
    with Image.open(path) as image:
        return np.asarray(image)
