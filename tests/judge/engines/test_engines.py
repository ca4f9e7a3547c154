"""One network on two engines: ONNX Runtime everywhere, OpenVINO where it is asked for."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segassay.auditing.audit_config import AuditConfig
from segassay.auditing.begin_run import begin_run
from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, make_phantom
from segassay.errors import MissingExtraError, ModelError
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.engines.network import open_network, runs_on, slice_ports
from segassay.judge.engines.onnxruntime_session import cores_of_group
from segassay.judge.inputs.arrays_and_files import image_volume
from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.judge.scoring import Judge, Score, load_judge
from segassay.runs.configs import SourceConfig
from segassay.types import DEFAULT_BASE, Engine

AGREE = {"float32": 1e-3, "bfloat16": 0.01}
"""Largest difference of a score from the default engine's that we let pass."""

with_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="no openvino: install segassay[fast]"
)


def scores(judge: Judge) -> list[Score]:
    """Good labels and shifted ones of a phantom."""
    phantom = make_phantom(2)
    image = image_volume(phantom.image, SPACING_MM)
    masks = [(name, phantom.labels == value) for name, value in LABELS.items()]
    shifted = [(name, np.roll(mask, 9, axis=0)) for name, mask in masks]
    return judge.score_labels(image, [*masks, *shifted], modality=None)


@with_openvino
def test_openvino_agrees_and_says_so(judge: Judge, phantom_set: Path, tmp_path: Path) -> None:
    fast = load_judge(engine=Engine.OPENVINO, threads=1)
    theirs, ours = scores(judge), scores(fast)
    precision = fast.runs_on.removeprefix("openvino ")
    found = [abs(a.value - b.value) for a, b in zip(theirs, ours, strict=True)]
    assert max(found) < AGREE[precision]
    assert [s.preprocess for s in theirs] == [s.preprocess for s in ours]
    assert [s.status for s in theirs] == [s.status for s in ours]
    config = AuditConfig(
        source=SourceConfig(path=phantom_set), out=tmp_path / "a", engine=Engine.OPENVINO
    )
    record = begin_run(config, config.source.open(), command="audit", judge=fast)
    assert record.engine == fast.runs_on
    assert record.versions["openvino"] != "unknown"
    slow = config.model_copy(update={"out": tmp_path / "b", "engine": Engine.ONNX})
    other = begin_run(slow, slow.source.open(), command="audit", judge=judge)
    assert other.engine == "onnxruntime float32"
    assert "openvino" not in other.versions
    assert other.config_key != record.config_key


@with_openvino
def test_a_file_that_openvino_cannot_read_is_a_model_error(tmp_path: Path) -> None:
    broken = tmp_path / "judge.onnx"
    broken.write_bytes(open_judge(find_judge(DEFAULT_BASE)).onnx.read_bytes()[:4000])
    with pytest.raises(ModelError, match=r"judge\.onnx: openvino cannot load it"):
        open_network(broken, slice_ports(JudgePreprocess()), threads=1, engine=Engine.OPENVINO)


def test_openvino_is_asked_for_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"segassay\[fast\]"):
        runs_on(Engine.OPENVINO)


@with_openvino
def test_openvino_keeps_no_diary_and_calls_nobody(tmp_path: Path) -> None:
    """Left alone it sends an event when it is imported, and writes an id into the home."""
    code = """
import os, sys
def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen"}:
        os.write(2, f"{event} {arguments}".encode())
        os._exit(99)
sys.addaudithook(watch)
from segassay import load_judge
load_judge(engine="openvino", threads=1)
loaded = [name for name, module in sys.modules.items() if module]
print("openvino" in loaded, *(name for name in loaded if "openvino_telemetry" in name))
print("openvino_telemetry" in sys.modules)  # not even as a module that is said to be absent
"""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "c")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False"]
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "max 100000"}, 2**16),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "20000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 2**16),
        ({"cpu.max": "nonsense"}, 2**16),
        ({}, 2**16),
    ],
)
def test_a_container_has_the_cores_it_was_granted(
    tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert cores_of_group(tmp_path) == cores
