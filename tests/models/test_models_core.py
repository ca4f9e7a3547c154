"""Judges are listed, verified, shown, exported and imported by the core, without torch."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from segassay.cli import main
from segassay.errors import ModelError
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.models.bundle import export_bundle, import_bundle


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A $SEGASSAY_HOME with one judge of its own."""
    root = tmp_path / "home"
    shutil.copytree(find_judge("judge-v0"), root / "mine")
    monkeypatch.setenv("SEGASSAY_HOME", str(root))
    return root


WITHOUT_TORCH = """
import sys
for name in ("torch", "monai", "lightning_fabric", "onnx", "safetensors"):
    sys.modules[name] = None
from segassay.cli import main
main(sys.argv[1:])
"""


def test_the_core_alone_does_all_but_import_released_weights(home: Path, tmp_path: Path) -> None:
    def told(*words: str | Path, code: int = 0) -> str:
        command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    bundle = tmp_path / "mine.zip"
    lines = json.loads(told("models", "list", "--json"))
    assert "mine" in {line["name"] for line in lines}
    (line,) = json.loads(told("models", "verify", "mine", "--json"))
    assert line["problem"] == ""
    assert told("models", "card", "mine") == (home / "mine" / "card.md").read_text("utf-8")
    told("models", "export", "mine", "-o", bundle)
    told("models", "import", bundle, "-o", home / "again")
    assert open_judge(home / "again").sha256 == open_judge(home / "mine").sha256
    weights, vectors = tmp_path / "a.pth", tmp_path / "a.pkl"
    weights.write_bytes(b"")
    vectors.write_bytes(b"")
    told("models", "import", weights, "--embeddings", vectors, "-o", tmp_path / "qs", code=2)
    assert not (tmp_path / "qs").exists()


def test_list_and_verify_tell_of_each_judge(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "list", "--json") == 0
    lines = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert lines["mine"]["kind"] == "map"
    assert lines["mine"]["problem"] == ""
    assert lines["mine"]["n_tested"] > 10
    assert lines["mine"]["n_structures"] >= lines["mine"]["n_tested"]
    assert lines["mine"]["megabytes"] > 0.1
    assert run("models", "verify", "mine", "--json") == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert line["problem"] == ""
    (home / "mine" / "card.md").write_text("better than it is")
    assert run("models", "verify", "--json") == 5
    lines = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert lines["mine"]["problem"] != ""
    assert lines["judge-v0"]["problem"] == ""
    assert run("models", "list", "--json") == 0
    lines = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert lines["mine"]["problem"] != ""
    assert run("models", "card", "mine") == 5
    assert run("models", "export", "mine", "-o", home / "mine.zip") == 5
    assert run("models", "verify", "nowhere") == 5
    assert not (home / "mine.zip").exists()


def test_a_bundle_comes_back_as_the_same_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    assert run("models", "export", "judge-v0", "-o", first) == 0
    export_bundle(find_judge("judge-v0"), second)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = set(archive.namelist())
        metadata = json.loads(archive.read("configs/metadata.json"))
    assert {"LICENSE", "docs/README.md", "models/judge.onnx", "configs/meta.json"} <= names
    assert set(metadata["network_data_format"]["inputs"]) == {"crop", "field", "condition"}
    assert run("models", "import", first, "-o", tmp_path / "copy") == 0
    original, copy = open_judge(find_judge("judge-v0")), open_judge(tmp_path / "copy")
    assert copy.sha256 == original.sha256
    assert copy.files == original.files
    capsys.readouterr()
    assert run("models", "export", "judge-v0", "-o", first) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    good = export_bundle(find_judge("judge-v0"), tmp_path / "good.zip")
    content = good.read_bytes()
    half = tmp_path / "half.zip"
    half.write_bytes(content[: len(content) // 2])
    changed, slip = tmp_path / "changed.zip", tmp_path / "slip.zip"
    for path, place in ((changed, "configs/meta.json"), (slip, "models/../../slipped")):
        with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name) if name != place else b"{}")
            if path is slip:
                new.writestr(place, b"x")
    pipe = tmp_path / "pipe.zip"
    os.mkfifo(pipe)
    for path in (half, changed, slip, pipe, tmp_path, tmp_path / "nowhere.zip"):
        with pytest.raises(ModelError) as caught:
            import_bundle(path, tmp_path / "out")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path.parent / "slipped").exists()
