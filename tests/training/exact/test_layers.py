"""Freezing: the proof holds for whatever weights training leaves, and the integers do what the real ones did."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from roundel.errors import ModelError
from roundel.training.exact import ExactConv2d, clamp_leaky, round_ste
from roundel.training.exact.gemm import EXACT_LIMIT, worst_sums
from tests.training.exact.layers import edge_layer, edge_stack, int64_forward, integer_inputs, run


def layer_of(seed: int, magnitude: float, spread: float, max_input: int, kernel: int = 3) -> ExactConv2d:
    """A layer whose channels' weights and biases have very different magnitudes."""
    generator = torch.Generator().manual_seed(seed)
    layer = ExactConv2d(6, 5, kernel, max_input=max_input, out_range=(-255, 255))
    with torch.no_grad():
        scale = magnitude * torch.exp(spread * torch.randn(5, generator=generator))
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * scale[:, None, None, None])
        layer.bias.copy_(torch.randn(5, generator=generator) * scale * max_input)
    return layer


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10**6), st.floats(-12, 5), st.floats(0, 3), st.sampled_from([1, 15, 127, 255, 1023, 65535]),
    st.sampled_from([1, 3, 5]),
)  # fmt: skip
def test_shift_keeps_every_sum_exact(seed: int, log_size: float, spread: float, max_input: int, kernel: int) -> None:
    layer = layer_of(seed, 10.0**log_size, spread, max_input, kernel)
    weight, bias, shift = layer.integers()
    worst = worst_sums(weight, bias, max_input) + 2.0 ** (shift.double() - 1)
    settled = shift > -8  # at −8 the weights are beyond what integers can stand for, and loading refuses them
    assert torch.all(worst[settled] <= EXACT_LIMIT)
    if bool(settled.all()):
        layer.freeze()
        # The largest such shift: one more would overflow, or leave 16 bits, or pass the limit of 22.
        twice = worst_sums(layer.weight.double(), layer.bias.double() * layer.unit, max_input) + 0.5
        peak = layer.weight.double().abs().flatten(1).amax(1)
        more = 2.0 ** (shift.double() + 1)
        rounding = 0.5 * (layer.weight[0].numel() * max_input + 1)
        assert torch.all((twice * more + rounding > EXACT_LIMIT) | (peak * more > 2**15 - 1) | (shift == 22))


def test_many_small_weights_that_all_round_up() -> None:
    # Every weight is just over a half at the shift that real numbers would allow: rounded they sum to almost twice.
    layer = ExactConv2d(512, 1, 3, max_input=65535, out_range=(0, 255))
    with torch.no_grad():
        layer.weight.fill_(0.0268)
    weight, bias, shift = layer.integers()
    assert float((worst_sums(weight, bias, 65535) + 2.0 ** (shift.double() - 1)).max()) <= EXACT_LIMIT
    layer.freeze()


def test_overflowing_integers_are_refused() -> None:
    layer = ExactConv2d(4, 2, 1, max_input=255, out_range=(0, 255))
    zeros = torch.zeros(2, dtype=torch.int32)
    good = torch.full((2, 4, 1, 1), 2**24 // (255 * 4) - 1, dtype=torch.int16)
    shift = torch.tensor([1, 1], dtype=torch.int8)
    layer.load_integers(good, zeros, shift)
    with pytest.raises(ModelError, match=r"scales: partial sums may reach 1\.\d+ × 2\^24"):
        layer.load_integers(good * 2 - 1, zeros, shift, "scales")
    with pytest.raises(ModelError, match="partial sums"):
        layer.load_integers(good, torch.tensor([0, -(2**24)], dtype=torch.int32), shift)
    with pytest.raises(ModelError, match="partial sums"):  # the rounding half alone is 2^23 here
        layer.load_integers(good, zeros, torch.tensor([1, 24], dtype=torch.int8))


def test_integers_of_another_shape_or_kind_are_refused() -> None:
    layer = ExactConv2d(4, 2, 1, max_input=255, out_range=(0, 255))
    weight, bias, shift = layer.integers()
    for broken in [(weight[:1], bias, shift), (weight, bias[:1], shift), (weight, bias, shift[:1])]:
        with pytest.raises(ModelError, match="shapes"):
            layer.load_integers(*broken)
    with pytest.raises(ModelError, match="integers"):
        layer.load_integers(weight + 0.5, bias, shift)
    with pytest.raises(ModelError, match="shifts"):
        layer.load_integers(weight, bias, shift * 0 + 100)


@pytest.mark.parametrize(("max_input", "gain"), [(15, 1.0), (255, 1.0), (255, 1 / 64), (15, 32.0)])
def test_frozen_layer_does_what_the_trained_one_did(max_input: int, gain: float) -> None:
    layer = layer_of(3, 0.1 / gain, 0.5, max_input)
    layer.gain = gain
    x = integer_inputs(2, 6, 20, 20, max_input)
    with torch.no_grad():
        trained = layer(x)
        layer.freeze()
        frozen = layer(x)
    # Weights are off by at most half a step each, so the sum by this much, and then both are rounded.
    shift = -torch.log2(layer.factor).double()
    off = float((0.5 * (layer.weight[0].numel() * max_input + 1) * 2.0**-shift).max())
    assert float((trained - frozen).abs().max()) <= np.floor(off) + 1
    assert abs(float((trained - frozen).mean())) < 0.05
    assert np.array_equal(frozen.numpy(), int64_forward(layer, x))


def test_zero_weights_freeze() -> None:
    layer = ExactConv2d(2, 3, max_input=255, out_range=(-9, 9))
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.25, -0.25, 0.03]))
    layer.freeze()
    assert layer(torch.full((1, 2, 2, 2), 255.0)).flatten(2)[0, :, 0].tolist() == [4.0, -4.0, 0.0]


def test_training_is_rounded_and_has_gradients_everywhere() -> None:
    layer = layer_of(1, 1.0, 0.1, 255)
    out = layer(integer_inputs(1, 6, 4, 4, 255))
    assert torch.equal(out, out.round())
    assert float(out.detach().abs().max()) == 255
    out.sum().backward()
    assert layer.weight.grad is not None
    assert float(layer.weight.grad.abs().min()) > 0
    x = torch.tensor([-2.0, 0.5, 7.0], requires_grad=True)
    clamp_leaky(x, 0, 1).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == pytest.approx([0.1, 1.0, 0.1])
    assert round_ste(torch.tensor([-0.5, 0.5, 1.49, -1.51])).tolist() == [0.0, 1.0, 1.0, -2.0]


def test_half_steps_round_up_at_both_ends() -> None:
    layer = ExactConv2d(1, 1, 1, max_input=255, out_range=(-1000, 1000))
    layer.load_integers(*(torch.tensor(v, dtype=torch.int16).view(s) for v, s in ((1, (1, 1, 1, 1)), (0, 1), (1, 1))))
    x = torch.tensor([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])[None, None, None]
    assert layer(x).flatten().tolist() == [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0]  # floor(x/2 + ½)


def onnx_graph(stack: list[ExactConv2d]) -> bytes:
    """The frozen stack in standard operators."""
    nodes, values, current = [], [], "x"
    for i, layer in enumerate(stack):
        k = layer.int_weight.shape[2]
        arrays = {
            "w": layer.int_weight.numpy(), "b": layer.int_bias.numpy(),
            "factor": layer.factor.numpy()[None, :, :, None],
            "low": np.float32(layer.out_range[0]), "high": np.float32(layer.out_range[1]),
        }  # fmt: skip
        values += [numpy_helper.from_array(np.asarray(a), f"{name}{i}") for name, a in arrays.items()]
        nodes += [
            helper.make_node("Conv", [current, f"w{i}", f"b{i}"], [f"sums{i}"], pads=[k // 2] * 4),
            helper.make_node("Mul", [f"sums{i}", f"factor{i}"], [f"scaled{i}"]),
            helper.make_node("Floor", [f"scaled{i}"], [f"floor{i}"]),
            helper.make_node("Clip", [f"floor{i}", f"low{i}", f"high{i}"], [f"y{i}"]),
        ]
        current = f"y{i}"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", stack[0].int_weight.shape[1], "h", "w"])
    y = helper.make_tensor_value_info(current, TensorProto.FLOAT, ["b", stack[-1].int_weight.shape[0], "h", "w"])
    graph = helper.make_graph(nodes, "stack", [x], [y], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def test_onnx_runtime_computes_the_same_integers() -> None:
    trained = layer_of(5, 0.02, 0.5, 127)
    trained.freeze()
    for stack in (edge_stack(), [trained, edge_layer(5, 33, 3, max_input=255, out_range=(0, 255))]):
        session = onnxruntime.InferenceSession(onnx_graph(stack), providers=["CPUExecutionProvider"])
        for batch, height, width in [(1, 23, 31), (17, 9, 8)]:
            x = integer_inputs(batch, stack[0].int_weight.shape[1], height, width, 127, seed=height)
            (y,) = session.run(None, {"x": x.numpy()})
            assert np.array_equal(y, run(stack, x).numpy())
    onnx.checker.check_model(onnx.load_from_string(onnx_graph(edge_stack())))
