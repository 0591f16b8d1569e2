"""Lossy symbols are the same everywhere: other kernels, thread counts and libraries decode what this machine coded."""

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from roundel.models.lossy import LossyModel
from roundel.models.protocol import Window
from tests.models import reference_lossy
from tests.models.conftest import TINY
from tests.models.pictures import smooth_picture

CASES = [(64, 64, 90), (130, 75, 50), (200, 300, 100), (1, 1, 0)]
KERNELS = {
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "SSE": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}


@pytest.mark.parametrize("case", CASES)
def test_a_decoder_written_from_the_specification_agrees(model: LossyModel, weights: Path, case: tuple) -> None:  # type: ignore[type-arg]
    height, width, quality = case
    coded = model.encode(smooth_picture(height, width), Window(0, 0, height, width), quality)
    z, r = reference_lossy.symbols(coded.passes, height, width, quality, load_file(weights), TINY.groups)
    decoded = model.decode(coded.passes, height, width, quality)
    means_only = model.decode(coded.passes[:1], height, width, quality)
    assert np.array_equal(np.round(decoded.latents - means_only.latents), r)
    assert zlib.crc32(r.astype("<i4").tobytes(), zlib.crc32(z.astype("<i4").tobytes())) == coded.crc


@pytest.mark.parametrize(("kernels", "threads", "mkldnn"), [("AVX2", 1, "on"), ("SSE", 2, "on"), ("SSE", 1, "off")])
def test_other_kernels_decode_the_same_symbols(
    model: LossyModel, weights: Path, kernels: str, threads: int, mkldnn: str
) -> None:
    lines, expected = [], []
    for height, width, quality in CASES:
        coded = model.encode(smooth_picture(height, width), Window(0, 0, height, width), quality)
        lines.append(json.dumps([[p.hex() for p in coded.passes], height, width, quality]))
        expected.append(str(coded.crc))
    command = [sys.executable, "-m", "tests.models.child_lossy", str(weights), str(threads), mkldnn]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=True, cwd=root,
        env=os.environ | KERNELS[kernels],
    )  # fmt: skip
    assert done.stdout.split() == expected
