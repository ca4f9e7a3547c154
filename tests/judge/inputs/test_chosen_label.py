"""One structure is scored at a time: of a mask with several values one must be chosen."""

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti, write_picture
from segassay.cli import main
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.errors import ContentError, UsageError
from segassay.judge.inputs.chosen_label import chosen_of, read_chosen
from segassay.judge.scoring import Judge

LIVER = LABELS["liver"]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    phantom = make_phantom(1)
    image = write_nifti(tmp_path / "i.nii.gz", phantom.image, phantom.affine)
    return image, write_nifti(tmp_path / "m.nii.gz", phantom.labels, phantom.affine)


def ended(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


def test_several_values_are_refused_and_one_is_scored_as_alone(
    files: tuple[Path, Path], judge: Judge, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("score", *files, "--structure", "liver") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(UsageError):
        judge.score(*files, "liver")
    phantom = make_phantom(1)
    alone = np.asarray(phantom.labels == LIVER, dtype=np.uint8) * 255
    mask = write_nifti(files[1].with_name("alone.nii.gz"), alone, phantom.affine)
    expected = judge.score(files[0], mask, "liver").value
    assert judge.score(*files, "liver", label=LIVER).value == expected
    assert ended("score", *files, "--label", LIVER, "--structure", "liver", "--json") == 0
    assert json.loads(capsys.readouterr().out)["value"] == pytest.approx(expected)


@pytest.mark.parametrize("where", ["labels.json", "dataset.json", "--names"])
def test_a_name_chooses_its_value_and_is_the_structure(
    files: tuple[Path, Path], judge: Judge, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = dict(LABELS)
    text = json.dumps(names if where == "labels.json" else {"training": [], "labels": names})
    path = files[1].with_name("other.json" if where == "--names" else where)
    path.write_text(text)
    more = ["--names", path] if where == "--names" else []
    assert ended("score", *files, "--label", "Liver", "--json", *more) == 0
    expected = judge.score(*files, "liver", label=LIVER)
    assert json.loads(capsys.readouterr().out)["value"] == pytest.approx(expected.value)
    assert ended("score", *files, "--label", "spaceship", *more) == 2


def test_arrays_are_chosen_from_by_value() -> None:
    mask = np.array([[0, 1], [2, 5]])
    assert chosen_of(mask, 5).sum() == 1
    assert chosen_of(mask, [1, 2]).sum() == 2
    assert chosen_of(mask == 1, None).sum() == chosen_of((mask == 1) * 255, None).sum() == 1
    assert not chosen_of(mask * 0, None).any()
    with pytest.raises(UsageError):
        chosen_of(mask, None)
    with pytest.raises(UsageError):
        chosen_of(mask, "liver")


def test_a_mask_of_one_value_stays_as_it_is(tmp_path: Path) -> None:
    mask = np.zeros((6, 5), dtype=np.uint8)
    mask[2:4, 1:3] = 255
    path = write_picture(tmp_path / "m.png", mask)
    assert read_chosen(path, None, None).array.sum() == 4
    assert read_chosen(path, 255, None).array.sum() == 4
    assert read_chosen(path, 1, None).array.sum() == 0
    with pytest.raises(UsageError):
        read_chosen(path, "liver", None)


@pytest.mark.parametrize("value", [0.7, -1.0])
def test_what_an_audit_calls_no_label_is_not_scored(value: float, tmp_path: Path) -> None:
    mask = np.zeros((6, 5, 4), dtype=np.float32)
    mask[2:4, 1:3] = value
    with pytest.raises(ContentError):
        chosen_of(mask, None)
    with pytest.raises(ContentError):
        read_chosen(write_nifti(tmp_path / "m.nii.gz", mask), None, None)
