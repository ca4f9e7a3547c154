"""The re-implemented baseline gives the published network's numbers."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from segassay.judge.engines.sentinel_engine import SentinelEngine  # noqa: E402
from segassay.judge.inputs.sentinel_input import sentinel_input, sentinel_slices  # noqa: E402
from segassay.judge.networks.quality_sentinel import QualitySentinelNet  # noqa: E402
from segassay.judge.networks.sentinel_export import export_sentinel  # noqa: E402


def weights(key: str, shape: tuple[int, ...], seed: int) -> Any:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(1)
    r = np.random.default_rng(zlib.crc32(key.encode()) + seed).standard_normal(shape)
    if key.endswith("running_var"):
        r = np.exp(0.1 * r)
    elif key.endswith(("running_mean", "bias")):
        r = 0.1 * r
    else:
        r = 1 + 0.1 * r if len(shape) == 1 else r / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(r, dtype=np.float32))


@pytest.fixture(scope="module")
def parity(shared_data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared_data / "parity/quality_sentinel.json").read_text())
    return found


@pytest.fixture(scope="module")
def net(parity: dict[str, Any]) -> QualitySentinelNet:
    network = QualitySentinelNet()
    seed = parity["seed"]
    state = {k: weights(k, tuple(s), seed) for k, s in parity["state_dict_shapes"].items()}
    network.load_state_dict(state)
    return network.eval()


def normal(seed: int, *shape: int) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape)
    return torch.from_numpy(values.astype(np.float32))


@pytest.mark.data
def test_network_parity(parity: dict[str, Any], net: QualitySentinelNet) -> None:
    seed = parity["seed"]
    with torch.no_grad():
        y = net(normal(seed + 1, 4, 2, 256, 256), normal(seed + 2, 4, 512))
    np.testing.assert_allclose(y.numpy(), parity["network"]["y"], atol=1e-4)


@pytest.fixture(scope="module")
def engine(net: QualitySentinelNet, tmp_path_factory: pytest.TempPathFactory) -> SentinelEngine:
    path = tmp_path_factory.mktemp("onnx") / "sentinel.onnx"
    export_sentinel(net, path)
    assert b"site-packages" not in path.read_bytes()
    return SentinelEngine(path, threads=1)


@pytest.mark.data
@pytest.mark.parametrize("runs_on", ["torch", "onnx"])
def test_end_to_end_parity(
    parity: dict[str, Any], net: QualitySentinelNet, engine: SentinelEngine, runs_on: str
) -> None:
    z, y, x = np.meshgrid(np.arange(40), np.arange(300), np.arange(280), indexing="ij")
    body = ((y - 150) / 130) ** 2 + ((x - 140) / 120) ** 2 < 1
    ct = (-1000 + 1050 * body + 60 * np.sin(z / 3 + y / 17) * np.cos(x / 13)).astype(np.int16)
    mask = ((z - 19) / 13) ** 2 + ((y - 110) / 50) ** 2 + ((x - 90) / 62) ** 2 < 1
    expected = parity["end_to_end"]
    slices = sentinel_slices(mask.sum(axis=(1, 2)))
    assert slices == expected["slices"]
    inputs = np.stack([sentinel_input(ct[k], mask[k]) for k in slices])
    text = normal(parity["seed"] + 2, 4, 512)[:1].repeat(len(slices), 1)
    if runs_on == "onnx":
        answers = engine(inputs, text.numpy())
    else:
        with torch.no_grad():
            answers = net(torch.from_numpy(inputs), text).numpy()
    np.testing.assert_allclose(answers, expected["per_slice"], atol=2e-3)
    assert answers.mean() == pytest.approx(expected["mean"], abs=2e-3)


@pytest.mark.data
def test_network_parity_on_onnx(parity: dict[str, Any], engine: SentinelEngine) -> None:
    seed = parity["seed"]
    slices, text = normal(seed + 1, 4, 2, 256, 256).numpy(), normal(seed + 2, 4, 512).numpy()
    np.testing.assert_allclose(engine(slices, text), parity["network"]["y"], atol=1e-4)


@pytest.mark.data
def test_onnx_answers_like_torch_in_batches_of_any_length(
    net: QualitySentinelNet, engine: SentinelEngine
) -> None:
    slices, text = normal(3, 11, 2, 256, 256), normal(4, 11, 512)
    with torch.no_grad():
        expected = net(slices, text).numpy()
    np.testing.assert_allclose(engine(slices.numpy(), text.numpy()), expected, atol=1e-4)
    np.testing.assert_allclose(
        engine(slices[:1].numpy(), text[:1].numpy()), expected[:1], atol=1e-4
    )


def test_slices_of_thin_and_thick_masks() -> None:
    areas = np.zeros(40, dtype=np.int64)
    assert sentinel_slices(areas) == []
    areas[[3, 9]] = 64
    assert sentinel_slices(areas) == [3, 9]
    areas[5:30] = 64
    assert len(sentinel_slices(areas)) == 10
    assert sentinel_slices(areas)[0] == 3
