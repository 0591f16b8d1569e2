"""The proof that is stored with weights: stable, and sensitive to one wrong integer."""

import pytest
import torch

from roundel.errors import ModelError
from roundel.training.exact import check, gemm, selftest
from roundel.training.exact.selftest import worst_inputs
from tests.training.exact.layers import edge_layer, edge_stack


def test_same_again_and_on_other_threads() -> None:
    layers = {str(i): layer for i, layer in enumerate(edge_stack())}
    proof = selftest(layers)
    assert len(proof) == 32
    assert proof == selftest(layers)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    assert proof == selftest(layers)
    torch.set_num_threads(threads)
    check(layers, proof)


def test_fixed_value() -> None:
    # Fails if the vectors or the hash change, for then no weights file out there would load any more.
    layer = edge_layer(2, 2, 1, max_input=3, out_range=(0, 3))
    assert selftest({"a": layer}) == "3f33df765465ab026bf5bbbb74c83de3"


def test_one_wrong_integer_is_noticed() -> None:
    layers = {"first": edge_layer(8, 4, 3, max_input=255, out_range=(0, 255))}
    proof = selftest(layers)
    layers["first"].int_weight[3, 7, 2, 2] -= 1
    with pytest.raises(ModelError, match="first"):
        check(layers, proof)


def test_inexact_products_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = {"first": edge_layer(64, 64, 3, max_input=255, out_range=(0, 255))}
    proof = selftest(layers)
    exact = torch.Tensor.addmm_
    monkeypatch.setattr(torch.Tensor, "addmm_", lambda s, a, b: exact(s, a.bfloat16().float(), b))
    with pytest.raises(ModelError):
        check(layers, proof)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_worst_inputs_keep_the_promise(kernel: int) -> None:
    weight = edge_layer(7, 9, kernel, max_input=100, out_range=(0, 255)).int_weight
    x = worst_inputs(weight, 100)
    assert torch.equal(x, x.round())
    assert float(x.abs().max()) == 100
    sums = gemm.convolve(x, weight, torch.zeros(9))
    assert float(sums.max()) == float(gemm.worst_sums(weight, torch.zeros(9), 100).max())
