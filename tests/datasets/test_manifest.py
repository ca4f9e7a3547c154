"""A table as a data set: rows join to cases, and a broken row is named."""

import json
from pathlib import Path

import polars as pl
import pytest

from segassay.datasets.opening import open_dataset
from segassay.errors import DatasetError
from segassay.types import Modality


def table(root: Path, *lines: str, name: str = "t.csv") -> Path:
    root.mkdir(exist_ok=True)
    path = root / name
    path.write_text("\n".join(lines))
    return path


def test_manifest_rows_fill_each_other_in(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "Case_ID,Image,image_2,image_10,Label,Structure,Subject,Modality,Split,Source",
        "a,a.nii,a2.nii,a10.nii,l.nii,liver,s1,CT,test,",
        "a,a.nii,a2.nii,a10.nii,l2.nii,liver,,,,reader_2",
    )
    (case,) = open_dataset(path).cases
    assert (case.subject_id, case.modality, case.split) == ("s1", Modality.CT, "test")
    assert [p.name for p in case.images] == ["a.nii", "a2.nii", "a10.nii"]
    assert [ref.source for ref in case.labels] == ["label", "reader_2"]


def test_manifest_as_jsonl_and_with_a_column_per_structure(tmp_path: Path) -> None:
    row = {"image": "images/a.nii.gz", "label": "labels/a.nii.gz", "structure": "liver", "value": 1}
    lines = open_dataset(table(tmp_path / "1", json.dumps(row), name="t.jsonl"))
    assert lines.cases[0].labels[0].values == (1,)
    wide = open_dataset(
        table(
            tmp_path / "2", "image\tlabel_Left Kidney\tlabel_liver", "a.nii\tk.nii\t", name="t.tsv"
        )
    )
    assert wide.structures == ("kidney_left",)


def test_manifest_as_parquet_is_the_same_as_csv(tmp_path: Path) -> None:
    rows = {
        "image": ["a.nii", "b.nii"],
        "label": ["l.nii", None],
        "structure": ["liver", None],
        "value": [3, None],
        "age": [61, 7],
    }
    pl.DataFrame(rows).write_parquet(tmp_path / "t.parquet")
    packed = open_dataset(tmp_path / "t.parquet")
    plain = open_dataset(
        table(tmp_path, "image,label,structure,value,age", "a.nii,l.nii,liver,3,61", "b.nii,,,,7")
    )
    assert packed.cases == plain.cases
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(DatasetError, match=r"bad\.parquet: is no Parquet"):
        open_dataset(tmp_path / "bad.parquet")


def test_other_columns_are_metadata_unless_rows_disagree(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "image,label,structure,value,annotator,sex,site,comment",
        "a.nii,l.nii,liver,1 2,kim,f,x,good",
        "a.nii,m.nii,liver,1,lee,f,,bad",
    )
    (case,) = open_dataset(path).cases
    assert case.metadata == {"sex": "f", "site": "x"}
    assert [(r.values, r.source) for r in case.labels] == [((1, 2), "kim"), ((1,), "lee")]


def test_general_words_are_understood_by_the_other_structures(tmp_path: Path) -> None:
    path = table(tmp_path, "image,label_veins,label_Liver", "a.nii,v.nii,l.nii")
    assert open_dataset(path).structures == ("portal_vein_and_splenic_vein", "liver")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("case_id,label", "a,l.nii"), "no 'image'"),
        (("image,label", "a.nii,l.nii"), "without 'structure'"),
        (("image,label,structure", "a.nii,l.nii,liver,x"), "more cells than columns"),
        (("image,label,structure", "a.nii,l.nii,liver", "a.nii,m.nii,Liver"), "twice"),
        (("case_id,image", "a,a.nii", "a,b.nii"), "second image"),
        (("image,subject", "a.nii,s1", "a.nii,s2"), "second subject"),
        (("image,label,structure,value", "a.nii,l.nii,liver,one"), "value 'one'"),
        (("image,label",), "no images found"),
        (("image,label_--", "a.nii,l.nii"), "names no structure"),
    ],
)
def test_broken_table_is_one_line_with_its_row(
    tmp_path: Path, lines: tuple[str, ...], words: str
) -> None:
    with pytest.raises(DatasetError, match=words) as caught:
        open_dataset(table(tmp_path, *lines))
    assert str(caught.value).startswith("t")
    assert "\n" not in str(caught.value)
