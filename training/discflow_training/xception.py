"""Xception without its head (Chollet 2017), width-factored; 20.81 M parameters at width 1.

Parameter names follow the widely used PyTorch port (`block1.rep.0.conv1`, `.pointwise`), so that its checkpoint loads.
"""

from __future__ import annotations

from torch import Tensor, nn

from .encoders import scaled


class SeparableConv(nn.Module):
    """A 3 x 3 depthwise convolution, then a 1 x 1."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
        self.pointwise = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.conv1(x))


class Block(nn.Module):
    """`repeats` separable convolutions with a shortcut; `grow_first` widens in the first of them, else in the last."""

    def __init__(
        self, before: int, after: int, repeats: int, stride: int = 1, start_relu: bool = True, grow_first: bool = True
    ) -> None:
        super().__init__()
        self.skip = nn.Conv2d(before, after, 1, stride, bias=False) if stride > 1 or before != after else None
        self.skipbn = nn.BatchNorm2d(after) if self.skip is not None else None
        layers: list[nn.Module] = []
        channels = before
        for index in range(repeats):
            wide = after if grow_first or index == repeats - 1 else before
            if index or start_relu:
                layers.append(nn.ReLU(inplace=False))
            layers += [SeparableConv(channels, wide), nn.BatchNorm2d(wide)]
            channels = wide
        if stride > 1:
            layers.append(nn.MaxPool2d(3, stride, 1))
        self.rep = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.skip is None or self.skipbn is None else self.skipbn(self.skip(x))
        return self.rep(x) + kept


class Xception(nn.Module):
    """Entry, middle (eight blocks of 728 channels) and exit flow; the last map has stride 32."""

    def __init__(self, in_channels: int = 3, width: float = 1.0) -> None:
        super().__init__()
        c32, c64, c128, c256 = (scaled(c, width) for c in (32, 64, 128, 256))
        c728, c1024, c1536, c2048 = (scaled(c, width) for c in (728, 1024, 1536, 2048))
        self.conv1 = nn.Conv2d(in_channels, c32, 3, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(c32)
        self.conv2 = nn.Conv2d(c32, c64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(c64)
        self.block1 = Block(c64, c128, 2, 2, start_relu=False)
        self.block2 = Block(c128, c256, 2, 2)
        self.block3 = Block(c256, c728, 2, 2)
        for index in range(4, 12):
            self.add_module(f"block{index}", Block(c728, c728, 3))
        self.block12 = Block(c728, c1024, 2, 2, grow_first=False)
        self.conv3 = SeparableConv(c1024, c1536)
        self.bn3 = nn.BatchNorm2d(c1536)
        self.conv4 = SeparableConv(c1536, c2048)
        self.bn4 = nn.BatchNorm2d(c2048)
        self.relu = nn.ReLU(inplace=True)
        self.channels = [c2048]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The last feature map alone, in a list as every encoder returns."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        for index in range(1, 13):
            x = self.get_submodule(f"block{index}")(x)
        x = self.relu(self.bn3(self.conv3(x)))
        return [self.relu(self.bn4(self.conv4(x)))]
