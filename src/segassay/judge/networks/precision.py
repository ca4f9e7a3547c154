"""The numbers that networks learn in on this machine."""

from typing import Literal

import torch


def usual_precision() -> Literal["32-true", "bf16-mixed"]:
    """Return half precision where this machine computes in it: processors without are slowed."""
    has_units = (
        torch.accelerator.is_available()
        or torch.cpu._is_amx_tile_supported()  # torch has no public question
        or torch.cpu._is_avx512_bf16_supported()
    )
    return "bf16-mixed" if has_units else "32-true"
