"""The building blocks of the lossy nets."""

import torch.nn.functional as F
from torch import Tensor, nn


def conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """A padded convolution whose outputs are as large as its inputs; library defaults shrink them layer by layer."""
    layer = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def relu_conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """The same for inputs that come out of, or outputs that go into, a ReLU."""
    layer = conv(c_in, c_out, kernel, stride)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer


def zero_conv(c_in: int, c_out: int, kernel: int = 3) -> nn.Conv2d:
    """A padded convolution that starts as zero, so that the branch it ends is not there yet."""
    layer = conv(c_in, c_out, kernel)
    nn.init.zeros_(layer.weight)
    return layer


class ResidualBlock(nn.Module):
    """x + conv3(ReLU(conv3(x))), the identity at initialisation. (B, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = relu_conv(channels, channels)
        self.conv2 = zero_conv(channels, channels)

    def branches(self) -> list[tuple[nn.Conv2d, nn.Conv2d]]:
        """See `revival.Residual`."""
        return [(self.conv1, self.conv2)]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))
