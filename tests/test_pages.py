"""What pages of the documentation show, runs as it stands: a page's blocks one after the other, in an empty folder."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from PIL import Image

from tests.test_codec import scene

DOCS = Path(__file__).parents[1] / "docs"
NEEDS = {"pillow.md": (), "zarr.md": ("zarr", "numcodecs", "ome_zarr")}
"""Pages, and the libraries that their examples use."""
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", NEEDS)
def test_examples_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in NEEDS[page]:
        pytest.importorskip(library)
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    assert blocks
    Image.fromarray(scene(150, 203)).save(tmp_path / "photo.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    python = "\n".join(text for language, text in blocks if language == "python")
    subprocess.run([sys.executable, "-W", "ignore", "-c", python], cwd=tmp_path, check=True, timeout=200)
    for language, text in blocks:
        here = [line for line in text.splitlines() if shutil.which(line.partition(" ")[0])]  # `file` need not be
        if language == "sh":
            subprocess.run(["sh", "-ec", "\n".join(here)], cwd=tmp_path, check=True, timeout=100)


def test_the_readme_s_lines_on_pillow_and_zarr(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    (block,) = [text for _, text in BLOCK.findall(text) if "import roundel.pillow" in text]
    Image.fromarray(scene(150, 203)).save(tmp_path / "photo.png")
    subprocess.run([sys.executable, "-c", block], cwd=tmp_path, check=True, timeout=100)
