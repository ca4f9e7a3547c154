"""Tables and descriptions as they come: odd line ends, endless numbers, half characters."""

import json
import unicodedata
from pathlib import Path

import pytest

from conftest import write_nifti
from layout_samples import LABELS, VOXELS, label_folder, msd
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.datasets.case import FileIssue
from segassay.datasets.info import dataset_info
from segassay.datasets.opening import open_dataset
from segassay.datasets.splits import natural_key
from segassay.errors import DatasetError
from segassay.files.text_table import read_rows
from segassay.fix.fix import FixConfig, fix
from segassay.runs.configs import SourceConfig
from segassay.types import ExitCode
from segassay.vocabulary.names import near_matches

ODD = ("\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85")
DIGITS = "9" * 5000


@pytest.mark.parametrize("sign", ODD)
def test_a_cell_with_a_line_separator_stays_one_cell(tmp_path: Path, sign: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"image,note\na.nii,x{sign}y\nb.nii,z\n", newline="")
    assert [row["note"] for row in read_rows(table)] == [f"x{sign}y", "z"]
    lines = tmp_path / "t.jsonl"
    rows = [{"image": f"a{sign}.nii"}, {"image": "b.nii"}]
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    lines.write_text(text, newline="")
    assert list(read_rows(lines)) == rows


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quoted_cell_keeps_its_line_breaks(tmp_path: Path, end: str) -> None:
    table = tmp_path / "t.tsv"
    table.write_text(f'image\tnote{end}a.nii\t"one{end}two"{end}b.nii\t{end}', newline="")
    rows = list(read_rows(table))
    assert [row["note"] for row in rows] == [f"one{end}two", ""]


@pytest.mark.parametrize(
    "labels",
    [
        f'{{"a": {DIGITS}}}',
        f'{{"a": "{DIGITS}"}}',
        f'{{"{DIGITS}": "a"}}',
        '{"a": 99999999999}',
        '{"x\\udc80": 1}',
        '{"1": "x\\ud800"}',
        f'{{"a": [1, {DIGITS}]}}',
    ],
)
def test_what_no_description_can_mean_is_one_line(tmp_path: Path, labels: str) -> None:
    root = label_folder(tmp_path / "one")
    (root / "labels.json").write_text(labels)
    other = msd(tmp_path / "two")
    about = json.loads((other / "dataset.json").read_text())
    text = json.dumps({**about, "labels": "HERE"}).replace('"HERE"', labels)
    (other / "dataset.json").write_text(text)
    for path in (root, other):
        with pytest.raises(DatasetError) as caught:
            open_dataset(path)
        assert "json" in str(caught.value)
        assert len(str(caught.value)) < 300
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["case_id", "image", "label", "structure", "source", "split"])
@pytest.mark.parametrize("sign", ["\ud800", "\0"])
def test_a_text_that_no_file_can_hold_names_its_row(tmp_path: Path, key: str, sign: str) -> None:
    if sign == "\0" and key not in {"image", "label"}:
        return
    good = {"case_id": "b", "image": "i.nii", "label": "l.nii", "structure": "liver", "value": "1"}
    table = tmp_path / "t.jsonl"
    table.write_text(json.dumps(good) + "\n" + json.dumps({**good, key: f"x{sign}"}) + "\n")
    with pytest.raises(DatasetError, match="row 2") as caught:
        open_dataset(table)
    assert "\0" not in str(caught.value)
    str(caught.value).encode()


def test_a_null_character_in_a_description(tmp_path: Path) -> None:
    about = {"labels": {"a": 1}, "training": [{"image": "x\0.nii", "label": "y.nii"}]}
    (tmp_path / "dataset.json").write_text(json.dumps(about))
    with pytest.raises(DatasetError, match="NUL"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("value", [DIGITS, "99999999999", "1.5", "x"])
def test_a_value_that_no_voxel_has_names_its_row(tmp_path: Path, value: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"image,label,structure,value\na.nii,b.nii,liver,{value}\n")
    with pytest.raises(DatasetError, match="row 1") as caught:
        open_dataset(table)
    assert len(str(caught.value)) < 300


def test_columns_and_cases_named_by_endless_numbers_have_an_order(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"image,image_{DIGITS},case_id\na.nii,b.nii,{DIGITS}\n")
    (case,) = open_dataset(table).cases
    assert [path.name for path in case.images] == ["a.nii", "b.nii"]
    assert sorted([DIGITS, "a9", "a10"], key=natural_key) == [DIGITS, "a9", "a10"]


def test_paths_written_on_windows_are_found(tmp_path: Path) -> None:
    root = label_folder(tmp_path)
    table = root / "t.csv"
    table.write_text("image,label,structure\nimages\\a.nii.gz,.\\labels\\a.nii.gz,liver\n")
    dataset = open_dataset(table)
    assert dataset.missing == ()
    assert dataset.cases[0].labels[0].path.is_file()
    root = msd(tmp_path / "msd")
    text = (root / "dataset.json").read_text().replace("Tr/", "Tr\\\\")
    (root / "dataset.json").write_text(text)
    assert [u.path.name for u in open_dataset(root).missing] == ["b.nii.gz"]  # it never was there


def test_listed_files_that_are_missing_are_facts_and_not_counted(tmp_path: Path) -> None:
    root = msd(tmp_path)
    write_nifti(root / "imagesTs" / "b.nii.gz", VOXELS)
    text = (root / "dataset.json").read_text().replace("labelsTr/a_002.nii.gz", "labelsTr/a_002")
    (root / "dataset.json").write_text(text)
    dataset = open_dataset(root)
    assert [(u.path.name, u.issue) for u in dataset.missing] == [("a_002", FileIssue.MISSING)]
    assert {u.issue for u in dataset.file_issues} == {
        FileIssue.MISSING,
        FileIssue.UNUSED,
        FileIssue.IMAGE_WITHOUT_LABEL,
    }
    found = dataset_info(dataset)
    assert (found.labels, found.missing) == (4, ["labelsTr/a_002"])
    result = fix(FixConfig(source=SourceConfig(path=root), dry_run=True))
    assert (result.exit_code, len(result.failed), result.left) == (ExitCode.CASES_FAILED, 1, [])
    table = root / "t.csv"
    table.write_text("image,label,structure\nimagesTr/a_001.nii.gz,nowhere.nii.gz,liver\n")
    assert [u.path.name for u in open_dataset(table).missing] == ["nowhere.nii.gz"]


def test_a_listed_name_in_another_coding_is_found_and_a_near_one_is_told(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "M\u00fcller")
    write_nifti(tmp_path / f"{name}.nii.gz", VOXELS)
    write_nifti(tmp_path / "labels" / "A_1.nii.gz", LABELS)
    spelt = unicodedata.normalize("NFC", name)
    (tmp_path / "t.csv").write_text(f"image,label,structure\n{spelt}.nii.gz,labels/a_1,liver\n")
    dataset = open_dataset(tmp_path / "t.csv")
    assert dataset.cases[0].images[0].is_file()
    (missing,) = dataset.missing
    assert "A_1.nii.gz" in missing.reason


def test_no_label_is_no_success(tmp_path: Path) -> None:
    root = label_folder(tmp_path / "set")
    for path in list((root / "labels").iterdir()):
        path.rename(path.with_name(f"other_{path.name}"))
    with pytest.raises(DatasetError, match="other_a"):
        audit(AuditConfig(source=SourceConfig(path=root), out=tmp_path / "out", judge=None))
    assert not (tmp_path / "out").exists()


def test_one_file_is_not_both_image_and_label(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii.gz", LABELS)
    (tmp_path / "t.csv").write_text("image,label,structure\na.nii.gz,a.nii.gz,liver\n")
    with pytest.raises(DatasetError, match="its label"):
        open_dataset(tmp_path / "t.csv")


def test_ten_thousand_names_are_spelt_in_linear_time(tmp_path: Path) -> None:
    root = label_folder(tmp_path)
    (root / "labels.json").write_text(json.dumps({f"n{i}": i for i in range(1, 10_001)}))
    dataset = open_dataset(root)
    assert dataset_info(dataset).labels == 30_000
    assert near_matches("kidny_left") == ["kidney_left"]
