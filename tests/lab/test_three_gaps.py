"""The experiment of the three-gaps paper, smaller than its smallest scale."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

RUN = Path(__file__).parents[2] / "experiments" / "three_gaps" / "run.py"


@pytest.fixture
def tiny(tmp_path: Path) -> list[str]:
    """A command with a handful of steps."""
    text = (RUN.parent / "smoke.toml").read_text()
    for old, new in (("n = 16\nm = 24", "n = 8\nm = 12"), ("steps = 160", "steps = 6"), ("steps = 40", "steps = 2"),
                     ("validate_every = 40", "validate_every = 2"), ("crop_px = 128", "crop_px = 64")):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "tiny.toml").write_text(text)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for k in range(3):
        Image.fromarray(rng.integers(0, 256, (70, 90, 3), np.uint8)).save(pictures / f"{k}.png")
    folders = ["--data", str(pictures), "--test", str(pictures), "--out", str(tmp_path / "out")]
    config = ["--config", str(tmp_path / "tiny.toml"), "--only", "noise,ste", "--pictures", "1"]
    return [sys.executable, str(RUN), *folders, *config, "--results", str(tmp_path / "results")]


def test_it_runs_draws_and_resumes(tiny: list[str], tmp_path: Path) -> None:
    done = subprocess.run(tiny, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results" / "tiny.json").read_text())
    assert {"command", "commit", "data", "machine"} <= set(found["provenance"])
    noise, ste = found["results"]
    assert [p["test"] for p in noise["points"]] == ["noise", "noise+"] * 2
    assert all(p["bpp"] > 0 for p in noise["points"])
    assert [line["step"] for line in ste["log"]] == [2, 4, 6]
    assert ste["log"][-1]["gd_decoder"] < 1e-5
    assert noise["log"][-1]["gd_decoder"] > 0.2
    pictures = sorted(p.name for p in (tmp_path / "results").glob("*.png"))
    assert pictures == [f"tiny-figure{k}.png" for k in range(1, 6)]
    before = (tmp_path / "out" / "ste-1" / "result.json").stat().st_mtime_ns
    other = subprocess.run([*tiny, "--share", "0.5"], capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert "of other settings" in other.stderr
    assert (tmp_path / "out" / "ste-1" / "result.json").stat().st_mtime_ns == before
