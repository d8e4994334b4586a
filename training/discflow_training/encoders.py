"""VGG and ResNet encoders with a width factor.

Every encoder takes `N x C x H x W` float32 and returns five feature maps at strides 2, 4, 8, 16 and 32, finest first;
`channels` gives their depths. Names of parameters follow torchvision, so an ImageNet checkpoint loads by file at width 1.
Sources: Simonyan and Zisserman 2015 (VGG), He et al. 2016 (ResNet), Xie et al. 2017 (ResNeXt).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

VGG16_PLAN = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
VGG19_PLAN = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))


def scaled(channels: int, width: float) -> int:
    """Channels times the width factor, rounded to a multiple of 8, at least 8."""
    return max(8, int(channels * width / 8 + 0.5) * 8)


class Vgg(nn.Module):
    """VGG's convolutions. A map is what the next pool reads, the last one what the last pool gives, as in the paper's library.

    `batch_norm` gives the `_bn` variant of torchvision. The first block's map, at stride 1, is not given.
    """

    def __init__(self, plan: tuple[tuple[int, int], ...], in_channels: int, width: float, batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.channels: list[int] = []
        self._ends: list[int] = []
        before = in_channels
        for channels, repeats in plan:
            after = scaled(channels, width)
            for _ in range(repeats):
                layers.append(nn.Conv2d(before, after, 3, padding=1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(after))
                layers.append(nn.ReLU(inplace=True))
                before = after
            self._ends.append(len(layers))
            layers.append(nn.MaxPool2d(2))
            self.channels.append(after)
        self.channels = [*self.channels[1:], before]
        self._ends = [*self._ends[1:], len(layers)]
        self.features = nn.Sequential(*layers)

    def shorten(self, maps: int) -> None:
        """Leave out what lies behind the first `maps` maps."""
        self.channels, self._ends = self.channels[:maps], self._ends[:maps]
        self.features = self.features[: self._ends[-1]]

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for index, layer in enumerate(self.features, start=1):
            x = layer(x)
            if index in self._ends:
                maps.append(x)
        return maps


def _conv(before: int, after: int, size: int, stride: int = 1, dilation: int = 1, groups: int = 1) -> nn.Conv2d:
    padding = dilation * (size - 1) // 2
    return nn.Conv2d(before, after, size, stride, padding, dilation, groups, bias=False)


def _shortcut(before: int, after: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and before == after:
        return None
    return nn.Sequential(_conv(before, after, 1, stride), nn.BatchNorm2d(after))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    def __init__(self, before: int, planes: int, after: int, stride: int, dilation: int, groups: int) -> None:
        super().__init__()
        self.conv1 = _conv(before, planes, 3, stride, dilation)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv(planes, after, 3, 1, dilation)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, after, stride)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + kept)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (grouped in ResNeXt), 1 x 1 convolutions and a shortcut."""

    def __init__(self, before: int, planes: int, after: int, stride: int, dilation: int, groups: int) -> None:
        super().__init__()
        self.conv1 = _conv(before, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv(planes, planes, 3, stride, dilation, groups)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = _conv(planes, after, 1)
        self.bn3 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, after, stride)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + kept)


class ResNet(nn.Module):
    """ResNet or ResNeXt without its head. `output_stride` 16 dilates the last stage (DeepLabv3+)."""

    def __init__(
        self,
        depths: tuple[int, int, int, int],
        in_channels: int,
        width: float,
        bottleneck: bool = False,
        groups: int = 1,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        self._bottleneck, self._width, self._groups = bottleneck, width, groups
        stem = scaled(64, width)
        self.conv1 = nn.Conv2d(in_channels, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.channels = [stem]
        for index, depth in enumerate(depths):
            stride, dilation = (1 if index == 0 else 2), 1
            if index == 3 and output_stride == 16:
                stride, dilation = 1, 2
            setattr(self, f"layer{index + 1}", self._stage(64 * 2**index, depth, stride, dilation))

    def _stage(self, channels: int, depth: int, stride: int, dilation: int) -> nn.Sequential:
        """One stage; `channels` is the published depth of its inner convolutions in plain ResNet."""
        if self._groups > 1:
            groups = max(1, int(self._groups * self._width + 0.5))
            planes = channels * 4 // 64 * groups
        else:
            groups, planes = 1, scaled(channels, self._width)
        after = scaled(channels * (4 if self._bottleneck else 1), self._width)
        block = Bottleneck if self._bottleneck else BasicBlock
        before = self.channels[-1]
        blocks = [block(before, planes, after, stride, 1 if stride > 1 else dilation, groups)]
        blocks += [block(after, planes, after, 1, dilation, groups) for _ in range(depth - 1)]
        self.channels.append(after)
        return nn.Sequential(*blocks)

    def shorten(self, maps: int) -> None:
        """Leave out what lies behind the first `maps` maps, which are two at least."""
        for index in range(maps, len(self.channels)):
            delattr(self, f"layer{index}")
        self.channels = self.channels[:maps]

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.relu(self.bn1(self.conv1(x)))]
        x = self.maxpool(maps[0])
        for index in range(1, len(self.channels)):
            x = getattr(self, f"layer{index}")(x)
            maps.append(x)
        return maps


def vgg16(in_channels: int = 3, width: float = 1.0, batch_norm: bool = False) -> Vgg:
    """14.71 M parameters at width 1 with three channels."""
    return Vgg(VGG16_PLAN, in_channels, width, batch_norm)


def vgg19(in_channels: int = 3, width: float = 1.0, batch_norm: bool = False) -> Vgg:
    """20.02 M parameters at width 1 with three channels."""
    return Vgg(VGG19_PLAN, in_channels, width, batch_norm)


def vgg16_bn(in_channels: int = 3, width: float = 1.0) -> Vgg:
    """VGG16 with batch norm, which trains from scratch."""
    return vgg16(in_channels, width, batch_norm=True)


def vgg19_bn(in_channels: int = 3, width: float = 1.0) -> Vgg:
    """VGG19 with batch norm, which trains from scratch."""
    return vgg19(in_channels, width, batch_norm=True)


def resnet34(in_channels: int = 3, width: float = 1.0) -> ResNet:
    """21.28 M parameters at width 1 with three channels."""
    return ResNet((3, 4, 6, 3), in_channels, width)


def resnet50(in_channels: int = 3, width: float = 1.0, output_stride: int = 32) -> ResNet:
    """23.51 M parameters at width 1 with three channels."""
    return ResNet((3, 4, 6, 3), in_channels, width, bottleneck=True, output_stride=output_stride)


def resnext50(in_channels: int = 3, width: float = 1.0) -> ResNet:
    """ResNeXt50 32 x 4d, 22.98 M parameters; the width factor scales the number of groups, not their depth."""
    return ResNet((3, 4, 6, 3), in_channels, width, bottleneck=True, groups=32)


ENCODERS: dict[str, Callable[..., nn.Module]] = {
    "vgg16": vgg16,
    "vgg16_bn": vgg16_bn,
    "vgg19": vgg19,
    "vgg19_bn": vgg19_bn,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnext50": resnext50,
}
