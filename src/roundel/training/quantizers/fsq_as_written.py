"""The FSQ paper's equations 6, 7 and 11 as printed: negative controls, not for use.

What goes wrong, each held by a test:
- eq. 6 bounds by ⌊L/2⌋·tanh, which rounds to L + 1 values for even L (8 → 9, 2 → 3);
- eq. 7 divides by the temperature again, so T is the grid's step: T = 0.1 and L = 8 make 81 values, and "annealing"
  multiplies the rate;
- eq. 7 adds (z − z_bounded).detach(): the decoder trains on values that no code stands for, and the encoder's gradient
  from reconstruction is zero;
- eq. 11 has the same error twice, which pulls codes together; with the stop-gradients that VQ-VAE has, the two cancel
  under a straight-through estimator; and −0.1·rate rewards rate.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from roundel.training.quantizers.codes import Bottleneck, Codes, check_codes, check_dims, check_input, check_levels
from roundel.training.quantizers.usage import usage


class FSQAsWritten(Bottleneck):
    """Eq. 6, 7 and 11 with the same L everywhere.

    Args:
        dims: D. levels: L ≥ 2. temperature: of eq. 6 and 7; may be set anew between steps, as the paper anneals it.
    """

    def __init__(self, dims: int, levels: int, temperature: float = 1.0) -> None:
        super().__init__()
        self.dims = check_dims(dims)
        self.nominal = check_levels([levels])[0]
        self.temperature = temperature

    @property
    def reach(self) -> int:
        """Largest rounded magnitude, in steps of the temperature."""
        # The very operation of forward, so that ties round alike.
        return int(torch.round(torch.tensor(float(self.nominal // 2)) / self.temperature))

    @property
    def levels(self) -> tuple[int, ...]:  # type: ignore[override]
        """The levels that there really are, 2·round(⌊L/2⌋/T) + 1."""
        return (2 * self.reach + 1,) * self.dims

    def forward(self, z: Tensor) -> Codes:
        """As printed; unlike everywhere else, `values` is not what the codes decode to."""
        z = check_input(z, self)
        bounded = self.nominal // 2 * torch.tanh(z / self.temperature)
        steps = torch.round(bounded / self.temperature)
        values = steps * self.temperature + (z - bounded).detach()
        codes = steps.detach().long() + self.reach
        rate_bits = usage(codes, self.levels).entropy_bits.sum()
        loss = (F.mse_loss(z, values) + F.mse_loss(values, z)) / self.temperature - 0.1 * rate_bits
        return Codes(values, codes, steps + self.reach, loss)

    def values(self, codes: Tensor) -> Tensor:
        """What a decoder can know: rounded steps."""
        return (check_codes(codes, self.levels) - self.reach) * self.temperature


def detached_pair(z: Tensor, values: Tensor) -> Tensor:
    """Eq. 11's errors with VQ-VAE's stop-gradients: their gradients cancel if `values` is straight-through of z."""
    return F.mse_loss(z, values.detach()) + F.mse_loss(values, z.detach())
