"""DenseNet121 without its head (Huang et al. 2017), width-factored, torchvision's parameter names."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

DEPTHS = (6, 12, 24, 16)
GROWTH = 32
BOTTLENECK = 4


class DenseLayer(nn.Module):
    """Batch norm, 1 x 1, batch norm, 3 x 3; the output is `growth` new channels."""

    def __init__(self, before: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, BOTTLENECK * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * growth)
        self.conv2 = nn.Conv2d(BOTTLENECK * growth, growth, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.relu(self.norm1(x)))
        return self.conv2(self.relu(self.norm2(x)))


class DenseBlock(nn.Module):
    """Each layer sees all maps before it."""

    def __init__(self, before: int, depth: int, growth: int) -> None:
        super().__init__()
        for index in range(depth):
            self.add_module(f"denselayer{index + 1}", DenseLayer(before + index * growth, growth))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


def _transition(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(before),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(before, after, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )


class DenseNet(nn.Module):
    """DenseNet with growth 32 times `width`; `features` ends in the last norm. 6.95 M parameters at width 1."""

    def __init__(self, in_channels: int = 3, width: float = 1.0) -> None:
        super().__init__()
        growth = max(4, int(GROWTH * width + 0.5))
        channels = 2 * growth
        stages: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(in_channels, channels, 7, 2, 3, bias=False),
            norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, 2, 1),
        )
        for index, depth in enumerate(DEPTHS):
            stages[f"denseblock{index + 1}"] = DenseBlock(channels, depth, growth)
            channels += depth * growth
            if index < len(DEPTHS) - 1:
                stages[f"transition{index + 1}"] = _transition(channels, channels // 2)
                channels //= 2
        stages["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(stages)
        self.channels = [channels]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The last feature map alone, stride 32, in a list as every encoder returns."""
        return [torch.relu(self.features(x))]
