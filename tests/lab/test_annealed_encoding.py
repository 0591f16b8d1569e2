"""Encoding harder: the loss that annealing lowers, in real bytes, for the same decoder."""

import numpy as np
import pytest
import torch

from roundel.lab.annealed_encoding import AnnealedCoder, Annealing
from roundel.lab.classic import Hyperprior, Size
from roundel.lab.classic_coder import coder_of
from roundel.training.quantizers import make
from tests.lab.test_classic_coder import picture, tensor


@pytest.mark.parametrize("means", [False, True])
def test_annealed_latents_cost_less_for_the_same_decoder(means: bool) -> None:
    torch.manual_seed(0)
    model = Hyperprior(Size(8, 12, 0.05), means=means)
    with torch.no_grad():
        model.analysis[-1].weight.mul_(30)
        model.synthesis[0].weight.div_(30)
    optimizer, x = torch.optim.Adam(model.parameters(), 3e-3), tensor(picture(64, 64))
    for _ in range(60):
        optimizer.zero_grad()
        model(x, torch.zeros(1), make("mixed")).loss.mean().backward()
        optimizer.step()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pixels, usual = picture(64, 128), coder_of(model, make("mixed"))
    harder = AnnealedCoder(model, make("mixed"), Annealing(steps=60, lr=0.05))

    def loss(data: bytes) -> float:
        error = usual.decode(data).astype(float) - pixels
        return 8 * len(data) / (64 * 128) + 0.05 * np.square(error).mean()

    state = torch.random.get_rng_state()
    first, second = usual.encode(pixels), harder.encode(pixels)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert loss(second) < 0.9 * loss(first)
    assert harder.encode(pixels) == second
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
