"""Slices and prompts that promptable segmenters are tried on."""

import numpy as np

from segassay.weak.prompts import BoolArray, Floats, Prompt, prompts


def slice_of(shape: tuple[int, int], seed: int = 0) -> Floats:
    """A slice of random tones."""
    rng = np.random.default_rng(seed)
    return rng.random((*shape, 3)).astype(np.float32)


def two_prompts(shape: tuple[int, int]) -> list[Prompt]:
    """A large rectangle on the left, a small one on the right."""
    mask: BoolArray = np.zeros(shape, dtype=np.bool_)
    rows, columns = shape
    mask[rows // 4 : rows // 2 + 1, columns // 8 : columns // 3] = True
    mask[rows // 3 : rows // 2, 2 * columns // 3 : 2 * columns // 3 + 3] = True
    found = prompts(mask.astype(np.float32), least_share=0)
    assert len(found) == 2
    return found
