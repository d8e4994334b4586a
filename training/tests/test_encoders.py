"""Published sizes of the networks and their maps."""

import pytest
import torch

from discflow_training.classifiers import FAMILIES, DiscClassifier
from discflow_training.decoders import PAPER_ZOO, Segmenter
from discflow_training.encoders import ENCODERS, scaled, vgg16

MILLIONS = {
    "vgg16": 14.714688,
    "vgg19": 20.024384,
    "resnet34": 21.284672,
    "resnet50": 23.508032,
    "resnext50": 22.979904,
    "densenet121": 6.953856,
    "inceptionv3": 21.785568,
    "xception": 20.806952,
}


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", sorted(MILLIONS))
def test_width_one_has_the_published_number_of_parameters(name: str) -> None:
    network = {**ENCODERS, **FAMILIES}[name](3, 1.0)
    assert parameters(network) == round(MILLIONS[name] * 1e6)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_encoder_maps_halve_at_every_step(name: str) -> None:
    encoder = ENCODERS[name](1, 0.25).eval()
    maps = encoder(torch.zeros(1, 1, 64, 96))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (channels, 64 // 2**i, 96 // 2**i) for i, channels in enumerate(encoder.channels, start=1)
    ]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_narrow_classifier_answers_every_target(family: str) -> None:
    network = DiscClassifier(family, 0.25, 1, 2, {"level": 6}).eval()
    images = torch.zeros(2, 1, 96, 96)
    assert network(images).shape == (2, 2)
    assert {name: tuple(v.shape) for name, v in network.all_heads(images).items()} == {"main": (2, 2), "level": (2, 6)}


@pytest.mark.parametrize(("decoder", "encoder"), PAPER_ZOO)
def test_segmenter_answers_every_pixel(decoder: str, encoder: str) -> None:
    network = Segmenter(decoder, encoder, 0.125, 1, 4).eval()
    assert network(torch.zeros(1, 1, 96, 64)).shape == (1, 4, 96, 64)


@pytest.mark.parametrize(("decoder", "encoder"), PAPER_ZOO)
def test_every_parameter_of_a_segmenter_reaches_its_answer(decoder: str, encoder: str) -> None:
    torch.manual_seed(0)
    network = Segmenter(decoder, encoder, 0.125, 1, 4).train()
    network(torch.randn(2, 1, 64, 64)).square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_vgg_gives_decoders_the_maps_before_its_pools() -> None:
    assert vgg16(3, 1.0).channels == [128, 256, 512, 512, 512]
    encoder = vgg16(1, 0.125).eval()
    *maps, last = encoder(torch.randn(1, 1, 64, 64))
    deep = [layer for layer in encoder.features if isinstance(layer, torch.nn.Conv2d)]
    assert [m.shape[1] for m in maps] == [deep[i].out_channels for i in (3, 6, 9, 12)]
    assert torch.equal(torch.nn.functional.max_pool2d(maps[-1], 2), last)


def test_every_tap_of_deeplab_sees_a_map_as_large_as_its_paper_has() -> None:
    network = Segmenter("deeplabv3plus", "resnet50", 0.125, 1, 4).eval()
    maps = [torch.randn(1, channels, size, size) for channels, size in zip(network.encoder.channels, (264, 132, 66, 33, 33), strict=True)]
    network.decoder(maps).square().sum().backward()
    taps = [branch[0].weight.grad.abs().sum(dim=(0, 1)) for branch in network.decoder.branches[1:]]
    assert [tuple(tap.shape) for tap in taps] == [(3, 3)] * 3
    assert all((tap > 0).all() for tap in taps)


def test_the_papers_zoo_has_seventeen_segmenters() -> None:
    assert len(set(PAPER_ZOO)) == 17


def test_scaled_rounds_to_eights() -> None:
    assert [scaled(64, w) for w in (1, 0.5, 0.375, 0.01)] == [64, 32, 24, 8]


def test_deeplab_refuses_an_encoder_without_dilation() -> None:
    with pytest.raises(ValueError, match="ResNet50"):
        Segmenter("deeplabv3plus", "resnet34", 0.25, 1, 4)
