"""The second distribution: model folders that lie in `weights/` are found after an install."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from segassay.judge.documents.judge_folder import find_judge, open_judge

WEIGHTS = Path(__file__).parents[1] / "weights"
MODELS = sorted(path.parent.name for path in WEIGHTS.glob("*/SHA256SUMS"))
MOST_BYTES = 20_000_000


def build(folder: Path, out: Path) -> list[str]:
    """Names of all files in the wheel of a distribution."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    return ZipFile(wheel).namelist()


def test_the_wheel_builds_without_a_model(tmp_path: Path) -> None:
    """A checkout of the code alone still installs: the judge is then reported as missing."""
    bare = tmp_path / "weights"
    shutil.copytree(WEIGHTS, bare, ignore=shutil.ignore_patterns(*MODELS))
    names = build(bare, tmp_path / "out")
    assert "segassay_weights/__init__.py" in names
    assert not [name for name in names if name.endswith(".onnx")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution as pip builds and installs it, without network."""
    root = tmp_path_factory.mktemp("installed")
    source = root / "weights"  # a build leaves files beside its source
    shutil.copytree(WEIGHTS, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps"]
    wheel = [*pip, "wheel", *offline, "--no-build-isolation", "-w", str(root), str(source)]
    subprocess.run(wheel, check=True, capture_output=True)
    (built,) = root.glob("*.whl")
    target = [*pip, "install", *offline, "--target", str(root / "site"), str(built)]
    subprocess.run(target, check=True, capture_output=True)
    return root / "site"


def test_every_installed_model_is_whole_found_and_loads(site: Path, tmp_path: Path) -> None:
    for model in MODELS:
        files = {path.name for path in (WEIGHTS / model).iterdir()}
        assert files <= {path.name for path in (site / "segassay_weights" / model).iterdir()}
    code = (
        "from segassay.judge.documents.judge_folder import find_judge\n"
        "from segassay.judge.scoring import load_judge\n"
        f"for model in {MODELS!r}:\n"
        "    print(find_judge(model), load_judge(model, threads=1).model_id)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "SEGASSAY_HOME"}
    environment["PYTHONPATH"] = os.pathsep.join([str(site), *sys.path])
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    found = [line.split() for line in done.stdout.splitlines()]
    assert found == [
        [str(site / "segassay_weights" / model), open_judge(WEIGHTS / model).meta.model_id]
        for model in MODELS
    ]


@pytest.mark.parametrize("model", MODELS)
def test_models_are_whole_small_and_found_by_name(model: str) -> None:
    folder = open_judge(WEIGHTS / model)
    assert sum(p.stat().st_size for p in folder.path.iterdir()) <= MOST_BYTES
    assert find_judge(model).name == model


@pytest.mark.parametrize("model", MODELS)
def test_models_do_not_tell_where_they_were_made(model: str) -> None:
    """Exporters leave source paths of the machine in the file unless they are taken out."""
    for path in (WEIGHTS / model).iterdir():
        assert b"site-packages" not in path.read_bytes(), path.name
        assert b".py" not in path.read_bytes(), path.name
