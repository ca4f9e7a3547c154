"""Judges that are broken, or made to break us: one line, exit code 5, and the others are listed."""

import importlib.util
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassay.cli import main
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.errors import ModelError
from segassay.judge.calibration.adapter import Adapter, Measured
from segassay.judge.documents.judge_folder import known_judges, open_judge, write_document
from segassay.judge.scoring import load_judge
from segassay.models.bundle import export_bundle
from segassay.types import Engine


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def edited(**changes: Any) -> Callable[[Path], None]:
    """Change keys of `meta.json`."""

    def edit(folder: Path) -> None:
        path = folder / "meta.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return edit


def holding(name: str, content: bytes) -> Callable[[Path], None]:
    """Give a file other content."""

    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


WEIGHTS = Path(__file__).parents[2] / "weights"
BROKEN: dict[str, Callable[[Path], None]] = {
    "meta a list": holding("meta.json", b"[]"),
    "meta null": holding("meta.json", b"null"),
    "meta nested": holding("meta.json", b"[" * 100_000),
    "meta no text": holding("meta.json", b"\xff\xfe"),
    "meta a huge number": holding(
        "meta.json", b'{"format": 2, "pairs_seen": ' + b"9" * 9999 + b"}"
    ),
    "voxels a number": edited(training_voxels=7),
    "evidence of numbers": edited(evidence={"liver": 3}),
    "structures a number": edited(structures=5),
    "kind of the future": edited(kind="oracle"),
    "format of the future": edited(format=99),
    "calibration null": holding("calibration.json", b"null"),
    "calibration of NaN": holding(
        "calibration.json",
        b'{"raw": [0, 1], "expected": [0, NaN], "coefficients": [1, 1, 1], "below": 1, "above": 1}',
    ),
    "unfamiliar a list": holding("unfamiliar.json", b"[]"),
    "typical a list": holding("typical.json", b"[]"),
    "adapter a list": holding("adapter.json", b"[]"),
}


def of_crop(folder: Path) -> None:
    """Ask for crops that the network does not take."""
    seen = json.loads((folder / "meta.json").read_text())["preprocess"]
    edited(preprocess={**seen, "crop_px": 64})(folder)


def sums(folder: Path) -> None:
    """Write honest checksums: what is wrong is what the files say."""
    files = [p for p in sorted(folder.iterdir()) if p.is_file() and p.name != "SHA256SUMS"]
    lines = [f"{sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one judge, `mine`, to be broken."""
    monkeypatch.setenv("SEGASSAY_HOME", str(tmp_path / "home"))
    shutil.copytree(WEIGHTS / "judge-v0", tmp_path / "home" / "mine")
    return tmp_path / "home"


def assert_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One broken judge ends what asks for it with 5, and is a line among the others."""
    capsys.readouterr()
    for command in (["verify", "mine"], ["card", "mine"], ["export", "mine", "-o", "mine.zip"]):
        assert run("models", *command) == 5, command
        told = capsys.readouterr()
        lines = (told.out + told.err).splitlines()
        assert len(lines) == 1
        assert "mine" in lines[0]
        assert len(lines[0]) < 600
    assert run("models", "list", "--json") == 0
    listed = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert set(listed) == set(known_judges())
    assert [name for name, line in listed.items() if line["problem"]] == ["mine"]
    assert run("models", "verify") == 5


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_judge_is_one_line(
    what: str, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home.parent)
    BROKEN[what](home / "mine")
    sums(home / "mine")
    assert_refused(capsys)
    assert not Path("mine.zip").exists()


@pytest.mark.parametrize("name", ["SHA256SUMS", "card.md"])
def test_files_that_are_no_text_are_one_line(
    name: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "mine" / name).write_bytes(b"\xff\xfe  a\n")
    if name == "SHA256SUMS":
        assert_refused(capsys)
        return
    sums(home / "mine")
    assert run("models", "card", "mine") == 5
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert run("models", "list") == 0


@pytest.mark.parametrize("name", ["SHA256SUMS", "meta.json", "judge.onnx"])
def test_a_pipe_in_place_of_a_file_is_one_line(
    name: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "mine" / name).unlink()
    os.mkfifo(home / "mine" / name)
    assert run("models", "list", "--json") == 0
    listed = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert [one for one, line in listed.items() if line["problem"]] == ["mine"]


@pytest.mark.parametrize("what", ["meta a list", "voxels a number", "calibration null"])
def test_a_bundle_of_a_broken_judge_is_not_imported(what: str, home: Path, tmp_path: Path) -> None:
    bundle = export_bundle(home / "mine", tmp_path / "good.zip")
    BROKEN[what](home / "mine")
    sums(home / "mine")
    own = {"configs/meta.json": "meta.json", "configs/calibration.json": "calibration.json"}
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(tmp_path / "bad.zip", "w") as new:
        for place in old.namelist():
            changed = home / "mine" / own.get(place, place)
            new.writestr(place, changed.read_bytes() if changed.is_file() else old.read(place))
    assert run("models", "import", tmp_path / "bad.zip", "-o", tmp_path / "out") == 5
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out-*"))


def test_an_audit_with_a_broken_judge_writes_nothing(
    home: Path, phantom_set: Path, tmp_path: Path
) -> None:
    BROKEN["evidence of numbers"](home / "mine")
    sums(home / "mine")
    assert run("audit", phantom_set, "-o", tmp_path / "out", "--judge", "mine") == 5
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("ask_for_another", [of_crop, edited(kind="direct")], ids=["crop", "kind"])
def test_a_network_that_is_not_what_the_description_says_is_refused(
    ask_for_another: Callable[[Path], None], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_for_another(home / "mine")
    sums(home / "mine")
    assert run("models", "verify", "mine") == 5
    with pytest.raises(ModelError, match=r"^mine: judge\.onnx "):
        load_judge("mine")
    if importlib.util.find_spec("openvino") is not None:
        with pytest.raises(ModelError, match=r"^mine: judge\.onnx "):
            load_judge("mine", engine=Engine.OPENVINO)


def test_a_correction_of_another_network_is_refused() -> None:
    ones = np.ones(3)
    adapter = Adapter(0.0, 1.0, ones, ones, ones)
    with pytest.raises(ModelError, match="3 features"):
        adapter(Measured(0.5, 0.1, 3.0, np.zeros(4)))


def test_what_a_judge_sees_is_read_from_its_folder(home: Path) -> None:
    """Another window in the file gives other scores under another fingerprint."""
    phantom = make_phantom(1)
    mask = phantom.labels == LABELS["liver"]
    before = load_judge("mine").score(phantom.image, mask, "liver", modality="ct")
    meta = open_judge(home / "mine").meta
    seen = meta.preprocess.model_copy(update={"window_hu": (0.0, 60.0)})
    write_document(home / "mine" / "meta.json", meta.model_copy(update={"preprocess": seen}))
    sums(home / "mine")
    after = load_judge("mine").score(phantom.image, mask, "liver", modality="ct")
    assert not np.isclose(after.value, before.value, atol=1e-4)
    assert after.preprocess != before.preprocess


def test_a_judge_of_format_1_scores_as_it_did(home: Path) -> None:
    phantom = make_phantom(1)
    mask = phantom.labels == LABELS["liver"]
    before = load_judge("mine").score(phantom.image, mask, "liver", modality="ct")
    path = home / "mine" / "meta.json"
    meta = json.loads(path.read_text())
    first = ("crop_px", "field_px", "crop_factor", "min_pixels", "clip", "version")
    seen = {key: meta["preprocess"][key] for key in first}
    old = {key: value for key, value in meta.items() if value is not None and key != "sampling"}
    path.write_text(json.dumps({**old, "format": 1, "preprocess": seen}))
    sums(home / "mine")
    after = load_judge("mine").score(phantom.image, mask, "liver", modality="ct")
    assert after == before
