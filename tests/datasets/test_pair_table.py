"""The table of pairs as users write it, and what is wrong with it in one line."""

from pathlib import Path

import pytest

from segassay.datasets.pair_table import read_pair_table
from segassay.errors import DatasetError
from segassay.types import Modality

HEAD = "image,mask,gold,structure,subject,set,modality,value,gold_value,case,family"


def table(folder: Path, *lines: str, name: str = "t.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_row_is_read_with_everything_it_says(tmp_path: Path) -> None:
    path = table(tmp_path, HEAD, "i/a.nii.gz,m/a.png,/g/a.nii,Left Kidney,s1,one,MRI,3,1 2,c1,leak")
    (pair,) = read_pair_table(path)
    assert (pair.number, pair.case_id, pair.subject_id, pair.set_name) == (1, "c1", "s1", "one")
    assert (pair.structure, pair.modality, pair.problem) == ("kidney_left", Modality.MR, "")
    assert pair.image == tmp_path / "i" / "a.nii.gz"
    assert pair.mask.path == tmp_path / "m" / "a.png"
    assert pair.gold.path == Path("/g/a.nii")
    assert (pair.mask.values, pair.gold.values) == ((3,), (1, 2))
    assert pair.cells["family"] == "leak"


@pytest.mark.parametrize(
    ("delimiter", "name", "encoding"),
    [(",", "t.csv", "utf-8"), (";", "t.csv", "utf-8-sig"), ("\t", "t.tsv", "utf-8-sig")],
)
def test_delimiter_and_bom_are_sniffed(
    tmp_path: Path, delimiter: str, name: str, encoding: str
) -> None:
    lines = ("Image,Mask,Gold,Structure,Subject", "a.png,b.png,c.png,lesion,s1")
    path = table(
        tmp_path, *(x.replace(",", delimiter) for x in lines), name=name, encoding=encoding
    )
    (pair,) = read_pair_table(path)
    assert (pair.case_id, pair.set_name, pair.structure) == ("a", "t", "lesion")
    assert (pair.mask.values, pair.modality) == (None, None)


@pytest.mark.parametrize("modality", list(Modality))
def test_every_modality_comes_back_by_its_own_name(tmp_path: Path, modality: Modality) -> None:
    path = table(tmp_path, HEAD, f"a.png,b.png,c.png,liver,s,,{modality},,,,")
    assert read_pair_table(path)[0].modality is modality


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",m.png,g.png,liver,s,,,,,,", "row 2: nothing in image"),
        ("i.png,m.png,,liver,,,,,,,", "row 2: nothing in gold, subject"),
        ("i.png,m.png,g.png,?!,s,,,,,,", "row 2: structure '?!' has no letter"),
        ("i.png,m.png,g.png,liver,s,,,one,,,", "row 2: value is 'one'"),
        ("i.png,m.png,g.png,liver,s,,,,1.5,,", "row 2: gold_value is '1.5'"),
        ("i.png,m.png,g.png,liver,s,,smell,,,,", "row 2: modality 'smell' is unknown"),
    ],
)
def test_bad_row_stays_in_with_its_problem(tmp_path: Path, row: str, words: str) -> None:
    good, bad = read_pair_table(table(tmp_path, HEAD, "i.png,m.png,g.png,liver,s,,,,,,", row))
    assert good.problem == ""
    assert bad.problem.startswith(words)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("image,mask,structure,subject", "a,b,c,d"), "lacks the column gold; there are image"),
        (("image,mask", "a,b"), "lacks the column gold, structure, subject"),
        ((HEAD,), "has no rows"),
        (("",), "has no rows"),
        ((HEAD, "a,b,c,liver,s,,,,,,,too,many"), "row 1: more cells than columns"),
    ],
)
def test_table_of_another_form_is_refused(
    tmp_path: Path, lines: tuple[str, ...], words: str
) -> None:
    with pytest.raises(DatasetError, match=words):
        read_pair_table(table(tmp_path, *lines))


def test_no_table_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none.csv: (cannot be read|no such file)"):
        read_pair_table(tmp_path / "none.csv")
    with pytest.raises(DatasetError, match="is a folder"):
        read_pair_table(tmp_path)
