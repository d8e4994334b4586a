"""ImageNet checkpoints by file: names of torchvision and timm, old files, grey input, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from discflow_training.checkpoints import load_checkpoint, read_tensors
from discflow_training.classifiers import FAMILIES
from discflow_training.encoders import ENCODERS, ResNet, resnet50, vgg16
from discflow_training.faults import InputFault

TORCHVISION_NAMES = {
    "vgg16": ("features.0.weight", "features.28.bias"),
    "vgg19": ("features.0.weight", "features.34.bias"),
    "resnet34": ("conv1.weight", "bn1.running_mean", "layer1.2.bn2.weight", "layer4.0.downsample.0.weight"),
    "resnet50": ("layer1.0.conv3.weight", "layer1.0.downsample.1.running_var", "layer4.2.bn3.bias"),
    "resnext50": ("layer1.0.conv2.weight", "layer3.5.conv3.weight"),
    "densenet121": (
        "features.conv0.weight",
        "features.norm0.weight",
        "features.denseblock3.denselayer24.norm2.running_mean",
        "features.transition2.conv.weight",
        "features.norm5.bias",
    ),
    "inceptionv3": (
        "Conv2d_1a_3x3.conv.weight",
        "Conv2d_4a_3x3.bn.weight",
        "Mixed_5b.branch3x3dbl_3.bn.running_var",
        "Mixed_6a.branch3x3.conv.weight",
        "Mixed_6e.branch7x7dbl_5.conv.weight",
        "Mixed_7c.branch3x3dbl_3b.bn.bias",
        "Mixed_7a.branch7x7x3_4.conv.weight",
        "Mixed_7b.branch_pool.conv.weight",
    ),
    "xception": (
        "conv2.weight",
        "block1.skip.weight",
        "block1.skipbn.bias",
        "block1.rep.0.conv1.weight",
        "block2.rep.1.pointwise.weight",
        "block12.rep.4.pointwise.weight",
        "conv4.pointwise.weight",
        "bn4.running_var",
    ),
}
SHAPES = {
    ("resnext50", "layer1.0.conv2.weight"): (128, 4, 3, 3),
    ("densenet121", "features.transition2.conv.weight"): (256, 512, 1, 1),
    ("inceptionv3", "Mixed_7b.branch_pool.conv.weight"): (192, 1280, 1, 1),
    ("xception", "block12.rep.4.pointwise.weight"): (1024, 728, 1, 1),
}


def encoder(name: str, channels: int = 1, width: float = 0.125) -> torch.nn.Module:
    return (ENCODERS | FAMILIES)[name](channels, width)


@pytest.mark.parametrize("name", sorted(TORCHVISION_NAMES))
def test_names_and_shapes_are_those_of_public_checkpoints(name: str) -> None:
    own = encoder(name, 3, 1.0).state_dict()
    assert set(TORCHVISION_NAMES[name]) <= set(own)
    for (family, tensor), shape in SHAPES.items():
        if family == name:
            assert tuple(own[tensor].shape) == shape


@pytest.mark.parametrize("name", sorted(TORCHVISION_NAMES))
def test_a_colour_checkpoint_with_its_head_fills_a_grey_encoder(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = encoder(name, 3)
    stored = {f"module.{key}": value for key, value in source.state_dict().items()}
    torch.save({"state_dict": {**stored, "module.fc.weight": torch.zeros(1000, 8)}}, tmp_path / "weights.pth")
    grey = encoder(name)
    report = load_checkpoint(grey, tmp_path / "weights.pth")
    assert set(report.taken) == set(grey.state_dict()) and report.left == ("module.fc.weight",) and report.summed
    assert "left in the file: module.fc.weight" in str(report)
    images = torch.rand(1, 1, 96, 96)
    expected = source.eval()(images.expand(-1, 3, -1, -1))[-1]
    torch.testing.assert_close(grey.eval()(images)[-1], expected, rtol=1e-3, atol=1e-4)


def test_old_densenet_files_write_a_dot_before_the_number(tmp_path: Path) -> None:
    source = encoder("densenet121")
    old = {}
    for name, value in source.state_dict().items():
        for part in ("norm1.", "norm2.", "conv1.", "conv2."):
            if "denselayer" in name:
                name = name.replace(part, f"{part[:-2]}.{part[-2:]}")
        old[name] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "old.pth")
    loaded = encoder("densenet121")
    assert load_checkpoint(loaded, tmp_path / "old.pth").left == ()
    assert torch.equal(loaded.state_dict()["features.denseblock4.denselayer16.conv2.weight"],
                       source.state_dict()["features.denseblock4.denselayer16.conv2.weight"])


def test_old_xception_files_keep_flat_pointwise_weights(tmp_path: Path) -> None:
    source = encoder("xception")
    old = {name: value[:, :, 0, 0] if "pointwise" in name else value for name, value in source.state_dict().items()}
    torch.save(old, tmp_path / "old.pth")
    loaded = encoder("xception")
    load_checkpoint(loaded, tmp_path / "old.pth")
    assert torch.equal(loaded.conv4.pointwise.weight, source.conv4.pointwise.weight)


def test_files_without_batch_counters_are_whole(tmp_path: Path) -> None:
    stored = {name: value for name, value in encoder("resnet34").state_dict().items() if "num_batches" not in name}
    torch.save(stored, tmp_path / "resnet34.pth")
    assert len(load_checkpoint(encoder("resnet34"), tmp_path / "resnet34.pth").taken) == len(stored)


def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    header = json.dumps(
        {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    ).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + values.tobytes())
    assert torch.equal(read_tensors(path)["a"], torch.from_numpy(values.copy()))


def test_another_width_is_refused(tmp_path: Path) -> None:
    torch.save(vgg16(3, 1.0).state_dict(), tmp_path / "vgg16.pth")
    with pytest.raises(ValueError, match=r"vgg16\.pth"):
        load_checkpoint(vgg16(3, 0.5), tmp_path / "vgg16.pth")


def test_a_file_that_lacks_a_layer_is_refused(tmp_path: Path) -> None:
    stored = {name: value for name, value in resnet50(1, 0.125).state_dict().items() if not name.startswith("layer4.")}
    torch.save(stored, tmp_path / "half.pth")
    with pytest.raises(ValueError, match=r"half\.pth lacks .* layer4"):
        load_checkpoint(resnet50(1, 0.125), tmp_path / "half.pth")


@pytest.mark.parametrize("groups", [1, 32])
def test_the_file_of_a_deeper_network_is_refused(groups: int, tmp_path: Path) -> None:
    deeper, shallower = (ResNet((3, 4, depth, 3), 3, 0.125, bottleneck=True, groups=groups) for depth in (23, 6))
    assert set(shallower.state_dict()) < set(deeper.state_dict())
    torch.save({f"module.{name}": value for name, value in deeper.state_dict().items()}, tmp_path / "resnet101.pth")
    with pytest.raises(InputFault, match=r"another network: module\.layer3\.6"):
        load_checkpoint(shallower, tmp_path / "resnet101.pth")


def test_the_file_of_a_network_with_more_in_its_blocks_is_refused(tmp_path: Path) -> None:
    stored = {**resnet50(3, 0.125).state_dict(), "layer1.0.se.fc1.weight": torch.zeros(1)}
    torch.save(stored, tmp_path / "seresnet50.pth")
    with pytest.raises(InputFault, match="another network"):
        load_checkpoint(resnet50(1, 0.125), tmp_path / "seresnet50.pth")


def test_a_shortened_encoder_takes_the_file_of_the_whole_one(tmp_path: Path) -> None:
    torch.save(resnet50(3, 0.125).state_dict(), tmp_path / "resnet50.pth")
    short = resnet50(1, 0.125)
    short.shorten(3)
    assert any(name.startswith("layer4.") for name in load_checkpoint(short, tmp_path / "resnet50.pth").left)


def test_prefixes_of_several_wrappers_are_taken_off_one_after_the_other(tmp_path: Path) -> None:
    source = resnet50(1, 0.125)
    torch.save({f"module.backbone.{name}": value for name, value in source.state_dict().items()}, tmp_path / "wrapped.pth")
    assert len(load_checkpoint(resnet50(1, 0.125), tmp_path / "wrapped.pth").taken) == len(source.state_dict())


@pytest.mark.parametrize(
    ("value", "said"), [(torch.full((8, 1, 7, 7), float("nan")), "no numbers"), (torch.ones(8, 1, 7, 7, dtype=torch.int8), "whole numbers")]
)
def test_weights_that_are_no_numbers_or_in_8_bits_are_refused(value: torch.Tensor, said: str, tmp_path: Path) -> None:
    torch.save({**resnet50(1, 0.125).state_dict(), "conv1.weight": value}, tmp_path / "odd.pth")
    with pytest.raises(InputFault, match=rf"conv1\.weight of odd\.pth .*{said}"):
        load_checkpoint(resnet50(1, 0.125), tmp_path / "odd.pth")


def test_a_file_with_some_bytes_changed_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "damaged.pth"
    torch.save(resnet50(1, 0.125).state_dict(), path)
    whole = path.read_bytes()
    place = whole.index(b"conv1.weight")
    path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
    with pytest.raises(InputFault, match=r"damaged\.pth holds something else than tensors, or is broken"):
        load_checkpoint(resnet50(1, 0.125), path)
