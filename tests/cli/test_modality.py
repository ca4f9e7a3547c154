"""`--modality`: what kind the images are, where the data set does not tell it."""

import json
from pathlib import Path

import pytest

from layout_samples import label_folder, nnunet
from segassay.cli import main
from segassay.records.run import read_run


def ended(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


def test_the_kind_of_images_is_part_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = label_folder(tmp_path / "set")
    places = ("--images", root / "images", "--labels", root / "labels")
    assert ended("info", *places, "--modality", "mr", "--json") == 0
    assert json.loads(capsys.readouterr().out)["modality"] == ["mr"]
    out = tmp_path / "out"
    assert ended("check", *places, "--modality", "ct", "-o", out, "-q") in (0, 3)
    record = read_run(out)
    assert record is not None
    assert record.config["modality"] == "ct"
    assert ended("check", *places, "--modality", "mr", "-o", out, "-q") == 2  # another run
    assert ended("info", root, "--modality", "photograph") == 2
    assert ended("info", nnunet(tmp_path / "mr"), "--modality", "ct") == 2


def test_a_table_of_pairs_takes_the_kind_for_rows_without(tmp_path: Path) -> None:
    root = label_folder(tmp_path / "set")
    table = root / "pairs.csv"
    row = "images/a.nii.gz,labels/a.nii.gz,labels/a.nii.gz,liver,s1"
    table.write_text(f"image,mask,gold,structure,subject,modality\n{row},mr\n")
    assert ended("evaluate", table, "--modality", "ct", "-o", tmp_path / "out", "-q") == 2
