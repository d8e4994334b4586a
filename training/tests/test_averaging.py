"""The running averages of a network's weights: how much of the average is kept at each update."""

import math

import pytest
import torch
from torch import nn

from discflow_training.averaging import WeightAverage
from discflow_training.detection_training import AveragedWeights
from discflow_training.yolov8 import YoloConfig, Yolov8


def test_a_members_average_keeps_two_elevenths_at_first_and_the_decay_in_the_end() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = WeightAverage(network, decay=0.5)
    nn.init.ones_(network.weight)
    average.update(network)
    assert float(average.network.weight.detach()) == pytest.approx(1 - 2 / 11)
    average.steps = 100
    average.update(network)
    assert float(average.network.weight.detach()) == pytest.approx(1 - 0.5 * 2 / 11)


def test_a_detectors_average_keeps_little_at_first_and_the_decay_in_the_end() -> None:
    network = Yolov8(YoloConfig(width=0.25))
    average = AveragedWeights(network, 0.5)
    name, before = next((name, value.detach().clone()) for name, value in network.named_parameters() if value.requires_grad)
    with torch.no_grad():
        network.get_parameter(name).copy_(before + 1)
    average.update(network)
    kept = 0.5 * (1 - math.exp(-1 / 200))
    torch.testing.assert_close(average.network.get_parameter(name), before + 1 - kept)
    average.updates = 10_000
    average.update(network)
    torch.testing.assert_close(average.network.get_parameter(name), before + 1 - kept / 2)
