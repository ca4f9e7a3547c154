"""The files that Quality Sentinel and SegAE were released as: a state dictionary and text vectors.

Both are pickles of strangers. They are read as data (`models.torch_files`), and what they hold is
compared with the published network before anything is made of it.
"""

import stat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segassay.errors import ModelError
from segassay.judge.networks.quality_sentinel import TEXT_DIM, QualitySentinelNet
from segassay.models.torch_files import read_tensors

MOST_WEIGHTS_BYTES = 512 * 2**20
"""The released file has 125 MB."""

MOST_VECTORS_BYTES = 32 * 2**20
"""The released file has 0.4 MB."""


def read_sentinel_weights(path: Path) -> dict[str, Tensor]:
    """Read a released `.pth` file.

    Returns:
        The state dictionary of `QualitySentinelNet`, float32; every key with its shape.

    Raises:
        ModelError: The file is missing, truncated, too large, asks for more than weights, or is
            of another network: the message names the first key that differs.
    """
    state = _read(path, MOST_WEIGHTS_BYTES)
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelError(
            f"{path.name}: holds a {type(state).__name__}; expected a state dictionary of tensors"
        )
    state = {str(key).removeprefix("module."): value for key, value in state.items()}
    _require_same_network(path.name, state)
    return {key: _as_stored(path.name, key, value) for key, value in state.items()}


def read_text_vectors(path: Path) -> dict[int, Tensor]:
    """Read a released `label_embedding.pkl`.

    Returns:
        One vector `(512,)` float32 for each DAP Atlas id, in the order of the ids.

    Raises:
        ModelError: The file is missing, truncated, too large, asks for more than tensors, or does
            not hold one vector of 512 numbers for each id.
    """
    found = _read(path, MOST_VECTORS_BYTES)
    if not isinstance(found, dict) or not found:
        raise ModelError(
            f"{path.name}: holds a {type(found).__name__}; expected vectors by structure id"
        )
    strange = next((key for key in found if type(key) is not int), None)
    if strange is not None:
        raise ModelError(f"{path.name}: key {strange!r:.40}; expected structure ids such as 13")
    return {key: _vector(path.name, key, found[key]) for key in sorted(found)}


def _vector(name: str, key: int, value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.numel() != TEXT_DIM:
        came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ModelError(f"{name}: the vector of id {key} is {came}; expected (1, {TEXT_DIM})")
    return _as_stored(name, f"the vector of id {key}", value.reshape(TEXT_DIM))


def _as_stored(name: str, key: str, value: Tensor) -> Tensor:
    """Return a tensor of our own: whole numbers as they are, others as float32."""
    plain = value.detach().contiguous()
    if not plain.is_floating_point():
        return plain.clone()
    plain = plain.to(torch.float32, copy=True)
    if not bool(torch.isfinite(plain).all()):
        raise ModelError(f"{name}: {key} holds NaN or infinity; the file is damaged")
    return plain


def _require_same_network(name: str, state: dict[str, Tensor]) -> None:
    with torch.device("meta"):
        expected = {k: tuple(v.shape) for k, v in QualitySentinelNet().state_dict().items()}
    missing = [key for key in expected if key not in state]
    strange = [key for key in state if key not in expected]
    for problem, keys in (("is missing", missing), ("is unknown", strange)):
        if keys:
            more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
            raise ModelError(
                f"{name}: {keys[0]:.60} {problem}{more}; expected the ResNet-50 of Quality Sentinel"
            )
    for key, shape in expected.items():
        if tuple(state[key].shape) != shape:
            raise ModelError(
                f"{name}: {key} has shape {tuple(state[key].shape)}; expected {shape}, as in the "
                "ResNet-50 of Quality Sentinel"
            )


def _read(path: Path, most: int) -> Any:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a device or a pipe may never end
            raise ModelError(f"{path.name}: is no file; give the downloaded file")
        if found.st_size > most:
            raise ModelError(
                f"{path.name}: {found.st_size / 2**20:.0f} MiB; at most {most / 2**20:.0f} are read"
            )
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path.name}: {error.strerror}; give the downloaded file") from error
    return read_tensors(content, path.name, most_bytes=most)
