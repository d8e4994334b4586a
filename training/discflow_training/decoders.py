"""Segmentation networks: an encoder and a decoder, `N x C x H x W` to `N x classes x H x W` logits (sides: multiples of 32).

U-Net (Ronneberger et al. 2015), LinkNet (Chaurasia and Culurciello 2017), FPN (Kirillov et al. 2019), PSPNet (Zhao et
al. 2017), DeepLabv3+ (Chen et al. 2018). Decoder depths scale with the same width factor as the encoder's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .encoders import ENCODERS, resnet50, scaled
from .faults import InputFault


def _block(before: int, after: int, size: int = 3, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (size - 1) // 2
    return nn.Sequential(
        nn.Conv2d(before, after, size, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def _enlarged(x: Tensor, factor: int, mode: str = "bilinear") -> Tensor:
    if mode == "nearest":
        return F.interpolate(x, scale_factor=factor, mode=mode)
    return F.interpolate(x, scale_factor=factor, mode=mode, align_corners=False)


class UNet(nn.Module):
    """Five doublings, each joined with the encoder's map of that stride; the last one has no such map."""

    def __init__(self, channels: Sequence[int], classes: int, width: float) -> None:
        super().__init__()
        depths = [scaled(c, width) for c in (256, 128, 64, 32, 16)]
        skips = [*reversed(channels[:-1]), 0]
        before = channels[-1]
        self.stages = nn.ModuleList()
        for depth, skip in zip(depths, skips, strict=True):
            self.stages.append(nn.Sequential(_block(before + skip, depth), _block(depth, depth)))
            before = depth
        self.head = nn.Conv2d(before, classes, 3, padding=1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        for index, stage in enumerate(self.stages):
            x = _enlarged(x, 2, "nearest")
            if index < 4:
                x = torch.cat([x, maps[3 - index]], 1)
            x = stage(x)
        return self.head(x)


class LinkNet(nn.Module):
    """As U-Net, with sums in place of joins and bottlenecks a quarter as deep."""

    def __init__(self, channels: Sequence[int], classes: int, width: float) -> None:
        super().__init__()
        after = [*reversed(channels[:-1]), scaled(32, width)]
        before = channels[-1]
        self.stages = nn.ModuleList()
        for depth in after:
            inner = max(8, before // 4)
            widen = nn.Sequential(
                nn.ConvTranspose2d(inner, inner, 4, 2, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(inplace=True)
            )
            self.stages.append(nn.Sequential(_block(before, inner, 1), widen, _block(inner, depth, 1)))
            before = depth
        self.head = nn.Conv2d(before, classes, 3, padding=1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index < 4:
                x = x + maps[3 - index]
        return self.head(x)


class FPN(nn.Module):
    """A pyramid of equal depth at strides 4 to 32, each level brought to stride 4 and summed."""

    def __init__(self, channels: Sequence[int], classes: int, width: float) -> None:
        super().__init__()
        pyramid, depth = scaled(256, width), scaled(128, width)
        self.laterals = nn.ModuleList(nn.Conv2d(c, pyramid, 1) for c in channels[1:])
        self.branches = nn.ModuleList(self._branch(pyramid, depth, level) for level in range(4))
        self.dropout = nn.Dropout2d(0.2)
        self.head = nn.Conv2d(depth, classes, 1)

    @staticmethod
    def _branch(pyramid: int, depth: int, doublings: int) -> nn.Sequential:
        layers: list[nn.Module] = [_block(pyramid, depth)]
        for index in range(doublings):
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
            if index < doublings - 1:
                layers.append(_block(depth, depth))
        return nn.Sequential(*layers)

    def forward(self, maps: list[Tensor]) -> Tensor:
        levels = [lateral(x) for lateral, x in zip(self.laterals, maps[1:], strict=True)]
        for index in (2, 1, 0):
            levels[index] = levels[index] + _enlarged(levels[index + 1], 2, "nearest")
        total = sum(branch(x) for branch, x in zip(self.branches, levels, strict=True))
        return _enlarged(self.head(self.dropout(total)), 4)


class _GridPool(nn.Module):
    """Mean over a `bins x bins` grid, a convolution, and back to the size before.

    The cells are cut as adaptive average pooling cuts them, written as two products so that ONNX can hold any size.
    """

    def __init__(self, bins: int, conv: nn.Module) -> None:
        super().__init__()
        self.bins = bins
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        height, width = int(x.shape[-2]), int(x.shape[-1])
        rows, columns = _cells(height, self.bins).to(x), _cells(width, self.bins).to(x)
        pooled = torch.matmul(torch.matmul(rows, x), columns.transpose(0, 1))
        return F.interpolate(self.conv(pooled), size=(height, width), mode="bilinear", align_corners=False)


def _cells(length: int, bins: int) -> Tensor:
    """`bins x length` weights of the means over adaptive cells."""
    weights = torch.zeros(bins, length)
    for index in range(bins):
        start, end = index * length // bins, -(-(index + 1) * length // bins)
        weights[index, start:end] = 1 / (end - start)
    return weights


class PSPNet(nn.Module):
    """Pyramid pooling of 1, 2, 3 and 6 cells on the stride-8 map, as in the paper's library; the encoder ends there."""

    MAPS = 3

    def __init__(self, channels: Sequence[int], classes: int, width: float) -> None:
        super().__init__()
        source, depth = channels[2], scaled(512, width)
        pooled = max(8, source // 4)
        self.pools = nn.ModuleList(_GridPool(bins, _block(source, pooled, 1)) for bins in (1, 2, 3, 6))
        self.join = _block(source + 4 * pooled, depth, 1)
        self.dropout = nn.Dropout2d(0.2)
        self.head = nn.Conv2d(depth, classes, 3, padding=1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = maps[2]
        x = self.join(torch.cat([x, *(pool(x) for pool in self.pools)], 1))
        return _enlarged(self.head(self.dropout(x)), 8)


class DeepLabV3Plus(nn.Module):
    """Dilated convolutions (rates 6, 12, 18) on the stride-16 map, joined with the stride-4 map.

    On a map of few cells the outer taps of a high rate lie in the padding, and its convolution is a 1 x 1 one there.
    """

    def __init__(self, channels: Sequence[int], classes: int, width: float) -> None:
        super().__init__()
        depth, fine = scaled(256, width), scaled(48, width)
        self.branches = nn.ModuleList([_block(channels[-1], depth, 1)])
        self.branches.extend(_block(channels[-1], depth, 3, rate) for rate in (6, 12, 18))
        self.pool = _GridPool(1, nn.Sequential(nn.Conv2d(channels[-1], depth, 1), nn.ReLU(inplace=True)))
        self.project = _block(5 * depth, depth, 1)
        self.fine = _block(channels[1], fine, 1)
        self.join = nn.Sequential(_block(depth + fine, depth), _block(depth, depth))
        self.head = nn.Conv2d(depth, classes, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        x = self.project(torch.cat([*(branch(x) for branch in self.branches), self.pool(x)], 1))
        x = self.join(torch.cat([_enlarged(x, 4), self.fine(maps[1])], 1))
        return _enlarged(self.head(x), 4)


DECODERS: dict[str, Callable[[Sequence[int], int, float], nn.Module]] = {
    "unet": UNet,
    "linknet": LinkNet,
    "fpn": FPN,
    "pspnet": PSPNet,
    "deeplabv3plus": DeepLabV3Plus,
}
TITLES = {"unet": "U-Net", "linknet": "LinkNet", "fpn": "FPN", "pspnet": "PSPNet", "deeplabv3plus": "DeepLabv3+"}
ENCODER_TITLES = {"vgg16_bn": "VGG16-BN", "vgg16": "VGG16", "resnet34": "ResNet34", "resnet50": "ResNet50", "resnext50": "ResNeXt50"}
PAPER_ZOO = [
    *((decoder, encoder) for decoder in ("unet", "linknet", "fpn", "pspnet")
      for encoder in ("vgg16", "resnet34", "resnet50", "resnext50")),
    ("deeplabv3plus", "resnet50"),
]


class Segmenter(nn.Module):
    """An encoder with a decoder on its five maps."""

    def __init__(self, decoder: str, encoder: str, width: float, in_channels: int, classes: int) -> None:
        super().__init__()
        if decoder == "deeplabv3plus":
            if encoder != "resnet50":
                raise InputFault("DeepLabv3+ takes ResNet50, whose last stage is dilated")
            self.encoder: nn.Module = resnet50(in_channels, width, output_stride=16)
        else:
            self.encoder = ENCODERS[encoder](in_channels, width)
        if decoder == "pspnet":
            self.encoder.shorten(PSPNet.MAPS)
        self.decoder = DECODERS[decoder](self.encoder.channels, classes, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))
