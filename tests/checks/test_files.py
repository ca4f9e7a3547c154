"""Files that are missing or belong to nothing: told one by one, together where they are many."""

from dataclasses import replace
from pathlib import Path

import pytest

from segassay.checks.cohort_rules.dataset_files import (
    missing_file,
    missing_image,
    missing_label,
    unused_file,
)
from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.images.label_ref import LabelRef
from segassay.types import Severity

ROOT = Path("/set")


def case(name: str, *structures: str, split: str | None = None) -> Case:
    labels = tuple(LabelRef(s, ROOT / "labels" / f"{name}_{s}.nii") for s in structures)
    return Case(name, name, (ROOT / "images" / f"{name}.nii",), labels, None, split)


def dataset(*cases: Case, unmatched: tuple[Unmatched, ...] = ()) -> Dataset:
    return Dataset(ROOT, "images+labels", "set", cases, unmatched)


def lonely(n: int, issue: FileIssue) -> tuple[Unmatched, ...]:
    return tuple(Unmatched(ROOT / "labels" / f"{k}.nii", "why", issue) for k in range(n))


def test_an_image_without_a_label_among_labelled_ones_is_told_by_its_case() -> None:
    found = missing_label(dataset(case("a", "liver"), case("b"), case("c", "liver")))
    assert [(f.case_id, f.structure, f.severity) for f in found] == [("b", None, Severity.WARNING)]


def test_pools_without_labels_are_one_remark_each() -> None:
    train = [case(f"a{n}", "liver", split="train") for n in range(3)]
    pool = [case(f"t{n}", split="test") for n in range(70)]
    (found,) = missing_label(dataset(*train, *pool))
    assert (found.severity, found.evidence["n_files"]) == (Severity.INFO, 70)
    assert missing_label(dataset(*train)) == []
    (mixed,) = missing_label(dataset(*train, *(replace(c, split="train") for c in pool)))
    assert mixed.severity is Severity.INFO


def test_many_missing_labels_are_one_warning() -> None:
    cases = [case(f"a{n}", "liver") for n in range(80)] + [case(f"b{n}") for n in range(60)]
    (found,) = missing_label(dataset(*cases))
    assert (found.severity, found.evidence["n_files"]) == (Severity.WARNING, 60)


def test_labels_without_an_image_are_told_by_their_path() -> None:
    found = missing_image(dataset(unmatched=lonely(2, FileIssue.LABEL_WITHOUT_IMAGE)))
    assert [(f.case_id, f.severity) for f in found] == [
        ("labels/0.nii", Severity.WARNING),
        ("labels/1.nii", Severity.WARNING),
    ]
    (found_many,) = missing_image(dataset(unmatched=lonely(51, FileIssue.LABEL_WITHOUT_IMAGE)))
    assert found_many.evidence["n_files"] == 51
    assert missing_image(dataset(unmatched=lonely(3, FileIssue.DUPLICATE))) == []


def test_listed_files_that_are_missing_are_errors_of_their_label() -> None:
    cases = (case("a", "liver", "spleen"), case("b", "liver"))
    gone = (
        Unmatched(ROOT / "labels" / "a_spleen.nii", "no such file", FileIssue.MISSING),
        Unmatched(ROOT / "images" / "b.nii", "no such file", FileIssue.MISSING),
    )
    found = missing_file(replace(dataset(*cases), missing=gone))
    assert {f.severity for f in found} == {Severity.ERROR}
    assert [(f.case_id, f.structure, f.evidence["file"]) for f in found] == [
        ("a", "spleen", "labels/a_spleen.nii"),
        ("b", None, "images/b.nii"),
    ]


@pytest.mark.parametrize(
    ("issue", "severity"),
    [
        (FileIssue.DUPLICATE, Severity.WARNING),
        (FileIssue.UNREADABLE, Severity.WARNING),
        (FileIssue.UNUSED, Severity.INFO),
    ],
)
def test_other_files_that_no_case_uses(issue: FileIssue, severity: Severity) -> None:
    (found,) = unused_file(dataset(unmatched=lonely(1, issue)))
    assert (found.case_id, found.severity) == ("labels/0.nii", severity)
