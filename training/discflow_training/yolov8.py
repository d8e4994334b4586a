"""YOLOv8, written from its published description: C2f/SPPF backbone, PAN neck, decoupled anchor-free DFL head.

Images are `B x C x H x W` in 0..1 with H and W multiples of 32. Anchors are the cell centres of strides 8, 16 and
32, row by row, stride 8 first. Boxes are in input pixels, origin at the top left.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
BINS = 16
CLASS_PRIOR_OBJECTS = 5


@dataclass(frozen=True)
class Scale:
    """Compound scaling: repeats times `depth`; channels, at most `max_channels`, times `width`."""

    depth: float
    width: float
    max_channels: int


SCALES = {
    "n": Scale(0.33, 0.25, 1024),
    "s": Scale(0.33, 0.50, 1024),
    "m": Scale(0.67, 0.75, 768),
}


@dataclass(frozen=True)
class YoloConfig:
    """A network: published scale, further `width` factor on its channels, classes, image channels."""

    scale: str = "n"
    width: float = 1.0
    classes: int = 1
    channels: int = 1

    def as_dict(self) -> dict[str, str | float | int]:
        return asdict(self)

    def channel_count(self, base: int) -> int:
        scale = SCALES[self.scale]
        return math.ceil(min(base, scale.max_channels) * scale.width * self.width / 8) * 8

    def repeats(self, base: int) -> int:
        return max(1, round(base * SCALES[self.scale].depth))


class ConvUnit(nn.Sequential):
    """Convolution without bias, batch norm, SiLU; `same` padding."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
            nn.SiLU(inplace=True),
        )


class Bottleneck(nn.Module):
    """Two 3 x 3 units, with a shortcut where asked."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.units = nn.Sequential(ConvUnit(channels, channels, 3), ConvUnit(channels, channels, 3))
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return x + self.units(x) if self.shortcut else self.units(x)


class C2f(nn.Module):
    """Cross-stage block: a split, a chain of bottlenecks, all parts concatenated and mixed."""

    def __init__(self, inputs: int, outputs: int, repeats: int, shortcut: bool) -> None:
        super().__init__()
        hidden = outputs // 2
        self.enter = ConvUnit(inputs, 2 * hidden)
        self.chain = nn.ModuleList(Bottleneck(hidden, shortcut) for _ in range(repeats))
        self.leave = ConvUnit((2 + repeats) * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(2, dim=1))
        for block in self.chain:
            parts.append(block(parts[-1]))
        return self.leave(torch.cat(parts, dim=1))


class Sppf(nn.Module):
    """Spatial pyramid of three chained 5 x 5 max pools."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = ConvUnit(channels, channels // 2)
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.leave = ConvUnit(channels // 2 * 4, channels)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.leave(torch.cat(parts, dim=1))


class Backbone(nn.Module):
    """Image to features of strides 8, 16 and 32."""

    def __init__(self, config: YoloConfig) -> None:
        super().__init__()
        widths = [config.channel_count(base) for base in (64, 128, 256, 512, 1024)]
        repeats = [config.repeats(base) for base in (3, 6, 6, 3)]
        self.stem = ConvUnit(config.channels, widths[0], 3, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(ConvUnit(narrow, wide, 3, 2), C2f(wide, wide, count, shortcut=True))
            for narrow, wide, count in zip(widths[:-1], widths[1:], repeats, strict=True)
        )
        self.pyramid = Sppf(widths[-1])
        self.widths = tuple(widths[2:])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        quarter = self.stages[0](self.stem(x))
        fine = self.stages[1](quarter)
        middle = self.stages[2](fine)
        return fine, middle, self.pyramid(self.stages[3](middle))


class PanNeck(nn.Module):
    """Top-down, then bottom-up mixing of the three features."""

    def __init__(self, widths: tuple[int, int, int], repeats: int) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.middle_down = C2f(coarse + middle, middle, repeats, shortcut=False)
        self.fine_out = C2f(middle + fine, fine, repeats, shortcut=False)
        self.fine_up = ConvUnit(fine, fine, 3, 2)
        self.middle_out = C2f(fine + middle, middle, repeats, shortcut=False)
        self.middle_up = ConvUnit(middle, middle, 3, 2)
        self.coarse_out = C2f(middle + coarse, coarse, repeats, shortcut=False)

    def forward(self, features: tuple[Tensor, Tensor, Tensor]) -> list[Tensor]:
        fine, middle, coarse = features
        mixed = self.middle_down(torch.cat([_double(coarse), middle], dim=1))
        out_fine = self.fine_out(torch.cat([_double(mixed), fine], dim=1))
        out_middle = self.middle_out(torch.cat([self.fine_up(out_fine), mixed], dim=1))
        return [out_fine, out_middle, self.coarse_out(torch.cat([self.middle_up(out_middle), coarse], dim=1))]


class DetectHead(nn.Module):
    """Separate towers for box distances (`4 x BINS` logits a cell) and classes, one pair a stride."""

    def __init__(self, widths: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        box_width = max(16, widths[0] // 4, 4 * BINS)
        class_width = max(widths[0], min(classes, 100))
        self.box = nn.ModuleList(_tower(width, box_width, 4 * BINS) for width in widths)
        self.score = nn.ModuleList(_tower(width, class_width, classes) for width in widths)
        self.expectation = nn.Conv2d(BINS, 1, 1, bias=False).requires_grad_(False)
        self.expectation.weight.data = torch.arange(BINS, dtype=torch.float32).view(1, BINS, 1, 1)
        self._start_biases(classes)

    def forward(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Box logits `B x A x 4 BINS` and class logits `B x A x classes`."""
        boxes = torch.cat([tower(x).flatten(2) for tower, x in zip(self.box, features, strict=True)], dim=2)
        scores = torch.cat([tower(x).flatten(2) for tower, x in zip(self.score, features, strict=True)], dim=2)
        return boxes.transpose(1, 2), scores.transpose(1, 2)

    def distances(self, box_logits: Tensor) -> Tensor:
        """Expected distances left, top, right, bottom in cells, `B x A x 4`."""
        batch, anchors, _ = box_logits.shape
        bins = box_logits.reshape(batch, anchors * 4, BINS).softmax(dim=2).transpose(1, 2).unsqueeze(2)
        return self.expectation(bins).view(batch, anchors, 4)

    def _start_biases(self, classes: int) -> None:
        for box, score, stride in zip(self.box, self.score, STRIDES, strict=True):
            nn.init.constant_(box[-1].bias, 1.0)
            nn.init.constant_(score[-1].bias, math.log(CLASS_PRIOR_OBJECTS / classes / (640 / stride) ** 2))


class Yolov8(nn.Module):
    """The whole network; `forward` gives raw logits, `decode` boxes and scores."""

    def __init__(self, config: YoloConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.neck = PanNeck(self.backbone.widths, config.repeats(3))
        self.head = DetectHead(self.backbone.widths, config.classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Box logits `B x A x 4 BINS`, class logits `B x A x classes`."""
        return self.head(self.neck(self.backbone(images)))

    def decode_boxes(self, box_logits: Tensor, points: Tensor, strides: Tensor) -> Tensor:
        """Corner boxes `B x A x 4` in input pixels, given cell centres (`A x 2`, pixels) and strides (`A x 1`)."""
        distances = self.head.distances(box_logits) * strides
        return torch.cat([points - distances[..., :2], points + distances[..., 2:]], dim=-1)


class DecodedYolov8(nn.Module):
    """The exported form: `1 x C x H x W` in, `1 x (4 + classes) x A` out, centre boxes in pixels and scores in 0..1."""

    def __init__(self, network: Yolov8, width: int, height: int) -> None:
        super().__init__()
        self.network = network
        points, strides = anchor_points(width, height)
        self.register_buffer("points", points)
        self.register_buffer("strides", strides)

    def forward(self, images: Tensor) -> Tensor:
        box_logits, class_logits = self.network(images)
        corners = self.network.decode_boxes(box_logits, self.points, self.strides)
        low, high = corners[..., :2], corners[..., 2:]
        decoded = torch.cat([(low + high) / 2, high - low, class_logits.sigmoid()], dim=-1)
        return decoded.transpose(1, 2)


def anchor_points(width: int, height: int) -> tuple[Tensor, Tensor]:
    """Cell centres `A x 2` (x, y) in pixels and strides `A x 1` of a `width x height` input."""
    points, strides = [], []
    for stride in STRIDES:
        ys, xs = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        cells = torch.stack([xs.flatten(), ys.flatten()], dim=1).float()
        points.append((cells + 0.5) * stride)
        strides.append(torch.full((len(cells), 1), float(stride)))
    return torch.cat(points), torch.cat(strides)


def parameter_count(module: nn.Module) -> int:
    """All parameters, the fixed expectation of the head among them."""
    return sum(parameter.numel() for parameter in module.parameters())


def _tower(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ConvUnit(inputs, hidden, 3), ConvUnit(hidden, hidden, 3), nn.Conv2d(hidden, outputs, 1))


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
