"""Judges from elsewhere: imported, listed, verified, exported, and used like any other."""

import csv
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from conftest import write_nifti  # noqa: E402
from segassay.cli import main  # noqa: E402
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom  # noqa: E402
from segassay.errors import UsageError  # noqa: E402
from segassay.images.slicing import as_planes  # noqa: E402
from segassay.judge.documents.judge_folder import find_judge, open_judge  # noqa: E402
from segassay.judge.inputs.sentinel_input import sentinel_input, sentinel_slices  # noqa: E402
from segassay.judge.networks.quality_sentinel import QualitySentinelNet  # noqa: E402
from segassay.judge.scoring import load_judge  # noqa: E402
from segassay.types import Modality, Remark, Status  # noqa: E402


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


class Released:
    """Files in the published format with made-up weights, and the network they belong to."""

    def __init__(self, root: Path) -> None:
        torch.manual_seed(3)
        self.net = QualitySentinelNet().eval()
        with torch.no_grad():
            self.net.fc2.weight *= 3e-5  # answers within 0 to 1, as trained weights give
            self.net.fc2.bias.fill_(0.5)
        self.weights = root / "best_resnet50_model_40_samples.pth"
        self.embeddings = root / "label_embedding.pkl"
        torch.save(self.net.state_dict(), self.weights)
        self.vectors = {key: torch.randn(1, 512) for key in range(145)}
        self.embeddings.write_bytes(pickle.dumps(self.vectors))


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    return Released(tmp_path_factory.mktemp("released"))


@pytest.fixture(scope="module")
def home(released: Released, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A $SEGASSAY_HOME into which the files were imported by the command."""
    root = tmp_path_factory.mktemp("home")
    shutil.copytree(find_judge("judge-v0"), root / "judge-v0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGASSAY_HOME", str(root))
        command = [sys.executable, "-m", "segassay", "models", "import", str(released.weights)]
        command += ["--embeddings", str(released.embeddings)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()  # nothing of what the exporter has to say
        assert line.startswith("judge: ")
        yield root


def test_imported_judge_scores_as_the_released_inference(released: Released, home: Path) -> None:
    judge = load_judge("quality-sentinel", threads=1)
    phantom = make_phantom(2)
    mask = np.asarray(phantom.labels == LABELS["liver"])
    score = judge.score(phantom.image, mask, "Liver", modality="ct")
    planes, outlines = as_planes(phantom.image, 2), as_planes(mask, 2)
    chosen = sentinel_slices(outlines.sum(axis=(1, 2)))
    seen = np.stack([sentinel_input(planes[k], outlines[k]) for k in chosen])
    text = released.vectors[13].repeat(len(chosen), 1)
    with torch.no_grad():
        answers = released.net(torch.from_numpy(seen), text).numpy()
    assert [s.index for s in score.slices] == chosen
    assert np.ptp(answers) > 0.01
    np.testing.assert_allclose([s.score for s in score.slices], answers, atol=1e-4)
    assert score.value == pytest.approx(float(answers.mean()), abs=1e-4)
    assert 0 < score.value < 1
    assert score.status is Status.SCORED
    assert isnan(score.low)
    assert isnan(score.high)
    assert score.remarks == {Remark.NO_INTERVAL, Remark.IMPORTED, Remark.NEVER_TESTED}
    assert score.model_id.startswith("quality-sentinel-")


def test_what_it_was_not_made_for_it_says(home: Path) -> None:
    judge = load_judge("quality-sentinel", threads=1)
    phantom = make_phantom(2)
    mask = np.asarray(phantom.labels == LABELS["liver"])
    of_mr = judge.score(phantom.image, mask, "liver", modality=Modality.MR)
    assert of_mr.status is Status.ABSTAINED
    assert not isnan(of_mr.value)
    assert Remark.OTHER_MODALITY in of_mr.remarks
    grey = np.clip(phantom.image + 200, 0, 255)
    assert Remark.NOT_HOUNSFIELD in judge.score(grey, mask, "liver").remarks
    empty = judge.score(phantom.image, np.zeros_like(mask), "liver")
    unknown = judge.score(phantom.image, mask, "flugelhorn")
    nameless = judge.score(phantom.image, mask)
    for score, remark in (
        (empty, Remark.MASK_EMPTY),
        (unknown, Remark.NEVER_LEARNED),
        (nameless, Remark.NO_NAME),
    ):
        assert score.status is Status.ABSTAINED
        assert isnan(score.value)
        assert remark in score.remarks
        assert (Remark.NAME_REQUIRED in score.remarks) is (score is not empty)
    with pytest.raises(UsageError, match="draws no mask"):
        judge.suggest(phantom.image, mask, "liver")
    shown = judge.suggest_volume(
        judge_volume(phantom.image), mask, structure="liver", modality=Modality.CT
    )
    np.testing.assert_array_equal(shown.mask, shown.suggested)


def judge_volume(array: Any) -> Any:
    from segassay.judge.inputs.arrays_and_files import image_volume

    return image_volume(array)


def test_score_and_audit_with_the_imported_judge(
    home: Path, tmp_path: Path, phantom_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phantom = make_phantom(1)
    image = write_nifti(tmp_path / "i.nii.gz", phantom.image, phantom.affine)
    mask = np.asarray(phantom.labels == LABELS["spleen"], dtype=np.uint8)
    label = write_nifti(tmp_path / "m.nii.gz", mask, phantom.affine)
    assert run("score", image, label, "--structure", "spleen", "--judge", "quality-sentinel") == 0
    words = capsys.readouterr().out
    assert "nan" not in words
    code = run(
        *("audit", phantom_set, "-o", tmp_path / "out", "--judge", home / "quality-sentinel"),
        *("--only", "liver", "--limit", "1", "--json", "-q"),
    )
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["status"] == {"scored": 1}
    with (tmp_path / "out" / "scores.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert Remark.NO_INTERVAL in row["remarks"]
    assert isnan(float(row["score_lo"]))
    assert isnan(float(row["score_hi"]))
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'class="suggested" d=""' in page


def test_the_folder_tells_its_source_and_is_not_overwritten(
    released: Released, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = open_judge(home / "quality-sentinel")
    assert set(folder.files) == {p.name for p in folder.path.iterdir()}
    assert {"weights.safetensors", "text.npy"} <= set(folder.files)
    assert len(folder.meta.structures) == 143
    assert (folder.meta.imported or {})["weights"].file == released.weights.name
    assert run("models", "card", "quality-sentinel") == 0
    assert "Source and terms\n\nUnknown" in capsys.readouterr().out
    again = ("models", "import", released.weights, "--embeddings", released.embeddings)
    assert run(*again) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not [p for p in home.iterdir() if p.name.startswith(".")]


def test_hostile_and_broken_files_leave_nothing(
    released: Released, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {tmp_path / 'ran'}",))

    evil, half, damaged = (tmp_path / n for n in ("evil.pkl", "half.pth", "damaged.pth"))
    evil.write_bytes(pickle.dumps({13: Evil()}))
    half.write_bytes(released.weights.read_bytes()[:100_000])
    content = bytearray(released.weights.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    out = tmp_path / "judges" / "qs"
    for weights, vectors, words in (
        (released.weights, evil, "posix.system"),
        (half, released.embeddings, "half.pth"),
        (damaged, released.embeddings, "damaged.pth"),
    ):
        code = run("models", "import", weights, "--embeddings", vectors, "-o", out)
        (line,) = capsys.readouterr().err.splitlines()
        assert code == 5
        assert words in line
    assert run("models", "import", released.weights, "-o", out) == 2
    assert "--embeddings" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["damaged.pth", "evil.pkl", "half.pth"]


def test_an_imported_judge_is_listed_and_verified(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("models", "list", "--json") == 0
    lines = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert {"judge-v0", "quality-sentinel"} <= set(lines)
    assert lines["quality-sentinel"]["kind"] == "quality_sentinel"
    assert lines["quality-sentinel"]["n_tested"] == 0
    assert run("models", "verify", "judge-v0", "quality-sentinel", "--json") == 0
    assert [line["problem"] for line in json.loads(capsys.readouterr().out)] == ["", ""]
