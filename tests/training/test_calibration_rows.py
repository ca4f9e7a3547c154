"""Labels kept at a training calibrate its judge anew, and what is no such table is refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segassay.corruption.faulty_cases import JudgedFault
from segassay.errors import ReadError
from segassay.judge.documents.description import Evidence
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.scoring import load_judge
from segassay.training.release.calibrate_judge import recalibrate_folder
from segassay.training.release.calibration_rows import read_calibration_rows, write_calibration_rows
from segassay.types import DEFAULT_BASE, Modality


def judged(n_subjects: int) -> list[JudgedFault]:
    """Scores a tenth too high, of ten masks for each subject."""
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 0.85, (n_subjects, 10))
    return [
        JudgedFault(
            "btcv", f"s{s}", f"c, {s}", "liver", "leak", float(t), float(t) + 0.1, 0, 1, 0.125, 7
        )
        for s, row in enumerate(true)
        for t in row
    ]


def test_expert_labels_that_score_low_are_noted(tmp_path: Path) -> None:
    folder = tmp_path / "judge"
    shutil.copytree(find_judge(DEFAULT_BASE), folder)
    rows = judged(12)
    hard = [replace(r, recipe="untouched", true=1.0, value=0.6) for r in rows[::10]]
    write_calibration_rows([*rows, *hard], tmp_path / "rows.csv")
    recalibrate_folder(folder, tmp_path / "rows.csv")
    about = open_judge(folder).meta.evidence["liver"]
    assert about.labels == 132
    assert 0.4 < (about.untouched or 0) < 0.8


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = judged(3)
    write_calibration_rows(rows, tmp_path / "rows.csv")
    assert read_calibration_rows(tmp_path / "rows.csv") == rows


def test_a_judge_is_calibrated_anew(tmp_path: Path) -> None:
    folder = tmp_path / "judge"
    shutil.copytree(find_judge(DEFAULT_BASE), folder)
    network = (folder / "judge.onnx").read_bytes()
    write_calibration_rows(judged(12), tmp_path / "rows.csv")
    result = recalibrate_folder(folder, tmp_path / "rows.csv")
    assert (result.n_labels, result.n_subjects) == (120, 12)
    assert result.mae < 0.03
    assert result.of_subjects[0] > 0.8
    meta = open_judge(folder).meta
    ct = (Modality.CT,)
    liver = Evidence(labels=120, subjects=12, modalities=ct, untouched=None)
    assert meta.evidence == {"liver": liver}
    assert meta.tuning is not None
    assert meta.tuning["coverage_of_subjects"] == pytest.approx(result.of_subjects[0], abs=1e-3)
    assert (folder / "judge.onnx").read_bytes() == network
    assert (
        load_judge(str(folder)).model_id == meta.model_id
    )  # its files still match their checksums


@pytest.mark.parametrize("text", ["", "set_name,true\na,1\n", "no table\n1\n"])
def test_another_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(ReadError, match=r"rows\.csv: (no table of judged labels|holds no judged)"):
        read_calibration_rows(path)
    with pytest.raises(ReadError, match="expected the columns set_name, subject_id"):
        read_calibration_rows(tmp_path / "missing.csv")
