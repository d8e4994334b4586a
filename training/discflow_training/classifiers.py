"""The paper's six disc classifiers: a convolutional encoder, two dense layers, dropout 0.2 (Methods, classification).

A classifier takes `N x C x H x W` and returns `N x targets` logits; auxiliary heads read the same pooled features while
it trains and are not exported.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from .densenet import DenseNet
from .encoders import resnet50, vgg16, vgg16_bn, vgg19, vgg19_bn
from .inception import InceptionV3
from .xception import Xception

DROPOUT = 0.2
HIDDEN = 128

FAMILIES: dict[str, Callable[..., nn.Module]] = {
    "vgg16": vgg16,
    "vgg16_bn": vgg16_bn,
    "vgg19": vgg19,
    "vgg19_bn": vgg19_bn,
    "resnet50": resnet50,
    "densenet121": DenseNet,
    "inceptionv3": InceptionV3,
    "xception": Xception,
}
TITLES = {
    "vgg16": "VGG16",
    "vgg16_bn": "VGG16-BN",
    "vgg19": "VGG19",
    "vgg19_bn": "VGG19-BN",
    "resnet50": "ResNet50",
    "densenet121": "DenseNet121",
    "inceptionv3": "InceptionV3",
    "xception": "Xception",
}


class DiscClassifier(nn.Module):
    """Encoder, global average pool, two dense layers. `auxiliary` maps a head's name to its number of outputs."""

    def __init__(
        self, family: str, width: float, in_channels: int, targets: int, auxiliary: dict[str, int] | None = None
    ) -> None:
        super().__init__()
        self.encoder = FAMILIES[family](in_channels, width)
        depth = self.encoder.channels[-1]
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(DROPOUT)
        self.dense = nn.Sequential(nn.Linear(depth, HIDDEN), nn.ReLU(inplace=True), nn.Dropout(DROPOUT))
        self.head = nn.Linear(HIDDEN, targets)
        self.auxiliary = nn.ModuleDict({name: nn.Linear(HIDDEN, n) for name, n in (auxiliary or {}).items()})

    def pooled(self, x: Tensor) -> Tensor:
        """`N x 128` features before the heads."""
        features = self.pool(self.encoder(x)[-1]).flatten(1)
        return self.dense(self.dropout(features))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pooled(x))

    def all_heads(self, x: Tensor) -> dict[str, Tensor]:
        """Logits of `main` and of each auxiliary head."""
        hidden = self.pooled(x)
        return {"main": self.head(hidden), **{name: head(hidden) for name, head in self.auxiliary.items()}}
