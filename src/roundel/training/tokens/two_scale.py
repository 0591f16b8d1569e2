"""A grid autoencoder with a latent of two scales: a coarse vector for every four fine ones."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roundel.errors import ModelError
from roundel.training.tokens.net import GridAutoencoder

AROUND = 4
"""Fine vectors, two by two, below a coarse one."""
COARSE_GAIN, REST_GAIN = 1.5, 2.0
"""At first: means of four latents vary less than one, and what they leave less still."""


class Mix(nn.Module):
    """A linear map of channels at its own learning rate (`linear`, see `training.optim`)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(c_in, c_out, 1)
        nn.init.zeros_(self.linear.weight)
        assert self.linear.bias is not None
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


class TwoScaleAutoencoder(GridAutoencoder):
    """Pictures of any size to vectors at 1/16, each of C coarse dimensions and then the F of its four fine vectors.

    So the grid is that of the coarse scale, and a chain prior guesses fine codes from the coarse ones above them. The
    nets are those of `GridAutoencoder`; linear maps of two by two of its latents make the two scales and join them:
    at first a coarse dimension is the mean of a latent over the four, and the fine one what that leaves.

    Args:
        dims: D = C + 4·F. coarse: C; with 0 there is one scale, in groups of four. width, blocks: see
            `GridAutoencoder`.

    Raises:
        ModelError: D − C is no multiple of 4 above 0.

    Source: the two scales of Razavi et al. 2019 (VQ-VAE-2); their fine encoder sees the rounded coarse codes, this
    one does not.
    """

    def __init__(self, dims: int, coarse: int, width: int = 128, blocks: int = 3) -> None:
        fine = (dims - coarse) // AROUND
        if coarse < 0 or fine < 1 or coarse + AROUND * fine != dims:
            raise ModelError(
                f"dims = {dims}, coarse = {coarse}: expected dims = coarse + 4 · the fine ones, at least 1"
            )
        inner = max(coarse, fine)
        super().__init__(inner, width, blocks)
        self.fold, self.unfold = Mix(AROUND * inner, dims), Mix(dims, AROUND * inner)
        with torch.no_grad():
            fold, unfold = self.fold.linear.weight[..., 0, 0], self.unfold.linear.weight[..., 0, 0]
            for place in range(AROUND):
                for d in range(fine):  # `pixel_unshuffle` has the four of a channel side by side
                    gain = REST_GAIN if d < coarse else 1.0
                    own, code = AROUND * d + place, coarse + AROUND * d + place
                    fold[code, own], unfold[own, code] = gain, 1 / gain
                    if d < coarse:
                        fold[code, AROUND * d : AROUND * (d + 1)] -= gain / AROUND
                for d in range(coarse):
                    own = AROUND * d + place
                    fold[d, own], unfold[own, d] = COARSE_GAIN / AROUND, 1 / COARSE_GAIN

    def analysis(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1], any size ≥ 1 × 1, to (B, D, ⌈H/16⌉, ⌈W/16⌉)."""
        z = super().analysis(x)
        z = F.pad(z, (0, z.shape[3] % 2, 0, z.shape[2] % 2), mode="replicate")
        return self.fold(F.pixel_unshuffle(z, 2)).float()

    def synthesis(self, values: Tensor, height: int, width: int) -> Tensor:
        """(B, D, ⌈H/16⌉, ⌈W/16⌉) to pixels less ½, (B, 3, H, W)."""
        rows, columns = -(-height // self.token_px), -(-width // self.token_px)
        return super().synthesis(self.seen(values)[:, :, :rows, :columns], height, width)

    def seen(self, values: Tensor) -> Tensor:
        """Both scales joined, (B, max(C, F), 2·⌈H/16⌉, 2·⌈W/16⌉)."""
        return F.pixel_shuffle(self.unfold(values).float(), 2)
