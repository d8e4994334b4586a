"""bfloat16 is for devices that multiply it themselves; elsewhere training is in float32."""

import pytest
import torch
from torch import nn

from discflow_training import precision
from discflow_training.precision import CPU_FEATURES, arithmetic, arithmetic_name, autocast


@pytest.mark.parametrize("feature", CPU_FEATURES)
def test_a_processor_that_multiplies_bfloat16_trains_in_it(feature: str) -> None:
    assert arithmetic("cpu", {"avx2": True, feature: True}) == torch.bfloat16


def test_a_processor_of_avx2_alone_trains_in_float32() -> None:
    assert arithmetic("cpu", {"avx2": True, "avx512_bf16": False, "sve_max_length": 0}) == torch.float32


def test_a_processor_of_avx512_without_bfloat16_trains_in_float32() -> None:
    assert arithmetic("cpu", {"avx512_f": True, "avx512_bw": True, "avx512_vnni": True}) == torch.float32


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_trains_in_bfloat16_only_where_it_does_not_emulate_it(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    assert arithmetic("cuda") == (torch.bfloat16 if native else torch.float32)


@pytest.mark.parametrize("chosen", [torch.bfloat16, torch.float32])
def test_a_network_in_training_computes_in_the_chosen_arithmetic(chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "arithmetic", lambda device: chosen)
    with autocast("cpu"):
        output = nn.Conv2d(1, 2, 3)(torch.zeros(1, 1, 8, 8))
    assert output.dtype == chosen
    assert arithmetic_name(torch.device("cpu")) == str(chosen).split(".")[1]
