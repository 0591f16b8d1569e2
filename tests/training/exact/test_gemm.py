"""Convolution as matrix products: equal to 64-bit integers wherever and however it runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from roundel.training.exact import convolve, headroom, selftest
from roundel.training.exact.gemm import BLOCK, worst_sums
from roundel.training.exact.selftest import worst_inputs
from tests.training.exact.layers import digest, edge_layer, edge_stack, int64_forward, int64_sums, integer_inputs, run


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize(("batch", "height", "width"), [(1, 1, 1), (1, 1, 9), (3, 7, 2), (2, 16, 19)])
def test_equals_int64_at_the_edge_of_the_range(kernel: int, batch: int, height: int, width: int) -> None:
    layer = edge_layer(40, 17, kernel, max_input=255, out_range=(-255, 255))
    x = integer_inputs(batch, 40, height, width, 255)
    sums = convolve(x, layer.int_weight, layer.int_bias)
    assert np.array_equal(sums.numpy(), int64_sums(x, layer.int_weight, layer.int_bias))
    assert np.array_equal(layer(x).numpy(), int64_forward(layer, x))


def test_the_worst_input_reaches_the_bound_and_is_exact() -> None:
    layer = edge_layer(64, 30, 3, max_input=255, out_range=(-255, 255))
    x = worst_inputs(layer.int_weight, 255)
    sums = int64_sums(x, layer.int_weight, layer.int_bias)
    reached = (sums - layer.int_bias.numpy().astype(np.int64)[None, :, None, None]).max((0, 2, 3))
    assert reached.max() == float((worst_sums(layer.int_weight, torch.zeros(30), 255)).max())
    assert np.array_equal(convolve(x, layer.int_weight, layer.int_bias).numpy(), sums)
    assert np.array_equal(layer(x).numpy(), int64_forward(layer, x))


def test_blocks_of_columns_meet_without_seams() -> None:
    layer = edge_layer(6, 5, 3, max_input=100, out_range=(-255, 255))
    x = integer_inputs(1, 6, 3, BLOCK - 2, 100)  # blocks end inside rows
    assert np.array_equal(layer(x).numpy(), int64_forward(layer, x))


def test_agrees_with_the_library_on_real_numbers() -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(s, generator=generator) for s in ((2, 8, 9, 7), (5, 8, 3, 3), (5,)))
    torch.testing.assert_close(convolve(x, weight, bias), F.conv2d(x, weight, bias, padding=1))


@pytest.fixture(scope="module")
def reference() -> tuple[torch.Tensor, torch.Tensor]:
    x = integer_inputs(20, 24, 12, 10, 127)
    with threads(1):
        return x, run(edge_stack(), x)


def test_same_integers_on_two_threads(reference: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, expected = reference
    with threads(2):
        assert torch.equal(run(edge_stack(), x), expected)


def test_same_integers_one_by_one_and_in_batches(reference: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, expected = reference
    stack = edge_stack()
    for size in (1, 16):
        assert torch.equal(torch.cat([run(stack, part) for part in x.split(size)]), expected)


def test_same_integers_from_other_memory_layouts(reference: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, expected = reference
    stack = edge_stack()
    assert torch.equal(run(stack, x.to(memory_format=torch.channels_last)), expected)
    assert torch.equal(run(stack, x.flip(3).flip(3)), expected)
    assert torch.equal(run(stack, torch.cat([x, x], 3)[..., : x.shape[3]]), expected)


@pytest.mark.filterwarnings("ignore:TF32")
def test_same_integers_without_onednn(reference: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, expected = reference
    with torch.backends.mkldnn.flags(enabled=False):
        assert torch.equal(run(edge_stack(), x), expected)


@pytest.mark.parametrize("name", ["high", "medium"])
def test_same_integers_where_the_program_allows_short_products(
    name: str, reference: tuple[torch.Tensor, torch.Tensor]
) -> None:
    x, expected = reference
    with matmul_precision(name):
        assert torch.equal(run(edge_stack(), x), expected)


def test_same_integers_under_autocast(reference: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, expected = reference
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(run(edge_stack(), x), expected)


@pytest.mark.parametrize(
    "environment",
    [
        {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
        {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    ],
    ids=["AVX2", "SSE"],
)
def test_same_integers_on_other_processors(environment: dict[str, str]) -> None:
    root = Path(__file__).parents[2]
    child = subprocess.run(
        [sys.executable, "-m", "tests.training.exact.child"],
        env=os.environ | environment, cwd=root, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    first, second, proof = child.stdout.split()
    stack = edge_stack()
    assert first == digest(run(stack, integer_inputs(1, 24, 33, 50, 127)))
    assert second == digest(run(stack, integer_inputs(5, 24, 8, 8, 127)))
    assert proof == selftest({str(i): layer for i, layer in enumerate(stack)})


def test_headroom_by_hand() -> None:
    weight = torch.tensor([[[[3.0]], [[-5.0]]], [[[1.0]], [[1.0]]]])  # Σ|w| = 8 and 2
    bias = torch.tensor([-64.0, 1000.0])
    assert headroom(weight, bias, 100) == 1200 / 2**24  # 2 · 100 + 1000 > 8 · 100 + 64
    assert headroom(weight, bias, 1000) == 8064 / 2**24
