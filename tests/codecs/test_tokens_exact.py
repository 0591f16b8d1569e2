"""Tokens are the same everywhere: other kernels and thread counts decode what this machine coded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.codecs.test_lossy_exact import KERNELS
from tests.codecs.test_tokens import LEVELS, model, weights

__all__ = ["model", "weights"]
SIZES = [(1, 1), (5, 12), (40, 31)]


@pytest.mark.parametrize(("kernels", "threads", "mkldnn"), [("AVX2", 1, "on"), ("SSE", 2, "on"), ("SSE", 1, "off")])
def test_other_kernels_decode_the_same_tokens(model, weights: Path, kernels: str, threads: int, mkldnn: str) -> None:  # type: ignore[no-untyped-def]
    lines, expected = [], []
    for height, width in SIZES:
        channels = len(model.levels)
        codes = np.random.default_rng(height).integers(0, min(LEVELS), (channels, height, width)).astype(np.int32)
        coded = model.encode_codes(codes)
        px = model.latent_px
        lines.append(json.dumps([[p.hex() for p in coded.passes], height * px, width * px, 0]))
        expected.append(str(coded.crc))
    command = [sys.executable, "-m", "tests.codecs.child_lossy", str(weights), str(threads), mkldnn]
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env=os.environ | KERNELS[kernels],
    )  # fmt: skip
    assert done.stdout.split() == expected
