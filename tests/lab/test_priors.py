"""The experiment of entropy models, on two of them and made pictures."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

RUN = Path(__file__).parents[2] / "experiments" / "priors" / "run.py"


def test_it_trains_codes_draws_and_resumes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for k in range(3):
        Image.fromarray(rng.integers(0, 256, (130, 140, 3), np.uint8)).save(tmp_path / f"{k}.png")
    only = ["--only", "mean-scale-hyperprior,joint-checkerboard-shared"]
    places = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--results", str(tmp_path / "results")]
    done = subprocess.run([sys.executable, str(RUN), *places, *only], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results" / "smoke.json").read_text())
    assert {"command", "commit", "data", "machine"} <= set(found["provenance"])
    names = ["mean-scale-hyperprior"] * 2 + ["joint-checkerboard-shared"] * 2
    assert [row["name"] for row in found["rows"]] == names
    assert all(len(result["points"]) == 4 and result["points"][0]["bpp"] > 0 for result in found["results"])
    # Published on Kodak, from the curves' own files: 0 for the anchor itself.
    assert found["rows"][0]["published_bd_rate_percent"] == 0
    assert (tmp_path / "results" / "smoke.png").stat().st_size > 10_000
    first, second = (torch.load(tmp_path / "out" / name / "0.022" / "checkpoint.pt")["average"] for name in
                     ("mean-scale-hyperprior-1", "joint-checkerboard-shared-1"))  # fmt: skip
    assert all(torch.equal(first[key], second[key]) for key in first if key.startswith(("analysis", "synthesis")))
    kept = (tmp_path / "out" / "joint-checkerboard-shared-1" / "0.022" / "result.json").stat().st_mtime_ns
    again = [sys.executable, str(RUN), *places, "--finished"]
    assert subprocess.run(again, capture_output=True, check=False).returncode == 0
    assert (tmp_path / "out" / "joint-checkerboard-shared-1" / "0.022" / "result.json").stat().st_mtime_ns == kept
