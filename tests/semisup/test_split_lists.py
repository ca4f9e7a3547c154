"""Lists say which cases keep their labels; published ones leave their test out."""

from pathlib import Path

import pytest

from segassay.datasets.case import Case, Dataset
from segassay.errors import UsageError
from segassay.semisup.split_lists import PUBLISHED, divide, read_split


def acdc(*patients: int) -> Dataset:
    cases = tuple(
        Case(f"patient{p:03}_frame{f:02}", f"patient{p:03}", (Path(f"{p}-{f}.nii"),))
        for p in patients
        for f in (1, 12)
    )
    return Dataset(Path("acdc"), "nnunet", "acdc", cases)


def test_a_published_split_keeps_its_test_out() -> None:
    labelled, rest = divide(acdc(99, 38, 50, 72, 28, 1), read_split("acdc-3"))
    assert labelled.subjects == ("patient099", "patient038", "patient050")
    assert rest.subjects == ("patient072",)
    assert not any(case.labels for case in rest.cases)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_splits_have_as_many_as_they_say(name: str) -> None:
    split = PUBLISHED[name]
    assert len(split.labelled) == int(name.split("-")[1])
    assert len(set(split.labelled)) == len(split.labelled)
    assert set(split.labelled).isdisjoint(split.held)
    assert len(set(split.held)) == {"acdc": 30, "la": 20}[name.split("-")[0]]


def test_lists_of_slices_and_of_cases_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "labeled.txt"
    path.write_text(
        "data/slices/patient099_frame01_slice_3.h5\ndata/slices/patient099_frame01_slice_1.h5\n"
        "images/patient038.nii.gz\n"
    )
    split = read_split(str(path))
    assert split.labelled == ("patient099_frame01", "patient038")
    labelled, rest = divide(acdc(99, 38), split)
    assert [case.case_id for case in labelled.cases] == [
        "patient099_frame01", "patient038_frame01", "patient038_frame12",
    ]  # fmt: skip
    assert [case.case_id for case in rest.cases] == ["patient099_frame12"]


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_split("acdc-2")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(UsageError):
        read_split(str(tmp_path / "empty.txt"))
    with pytest.raises(UsageError):
        divide(acdc(1, 2), read_split("acdc-1"))
