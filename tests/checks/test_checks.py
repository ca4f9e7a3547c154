"""Every check: a planted fault, a clean label, and expert labels of real data."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassay.checks.base import Check, FileView, LabelFacts, LabelView
from segassay.checks.registry import (
    COHORT_CHECKS,
    FILE_CHECKS,
    LABEL_CHECKS,
    check_cohort,
    check_file,
    check_label,
    facts_of,
)
from segassay.data.io import label_mask, read_image, read_labels
from segassay.data.readers import open_dataset
from segassay.data.slicing import as_planes, pixel_mm, slicing_axis
from segassay.geometry.grid import Grid
from segassay.records.findings import Finding
from segassay.types import Severity

GRID = Grid((10, 10, 10), np.diag([1.0, 1.0, 3.0, 1.0]))
FILE = FileView("c", None, "label", "c.nii.gz", GRID, GRID, {0: 900, 1: 100}, frozenset({1}), 0.0)


def cube() -> np.ndarray:
    planes = np.zeros((12, 40, 40), dtype=np.bool_)
    planes[2:10, 10:30, 10:30] = True
    return planes


def view(planes: np.ndarray, structure: str = "liver") -> LabelView:
    return LabelView("c", structure, "label", planes, (1.0, 1.0), 3.0, spacing_known=True)


def names(findings: list[Finding], severity: Severity | None = None) -> set[str]:
    return {f.check for f in findings if severity is None or f.severity is severity}


def test_a_clean_label_draws_nothing() -> None:
    assert check_label(view(cube())) == []
    assert check_file(FILE) == []


def test_empty_mask() -> None:
    assert names(check_label(view(np.zeros((4, 8, 8), dtype=np.bool_)))) == {"empty_mask"}


def test_all_foreground() -> None:
    findings = check_label(view(np.ones((4, 8, 8), dtype=np.bool_)))
    assert names(findings, Severity.ERROR) == {"all_foreground"}


def test_islands() -> None:
    planes = cube()
    planes[3:6, 33:39, 33:39] = True
    (finding,) = [f for f in check_label(view(planes)) if f.check == "islands"]
    assert finding.severity is Severity.WARNING
    assert finding.evidence["share"] == pytest.approx(108 / 3308)
    branching = check_label(view(planes, "portal_vein_and_splenic_vein"))
    assert names(branching, Severity.WARNING) == set()


def test_holes() -> None:
    planes = cube()
    planes[4:7, 15:20, 15:20] = False
    (finding,) = [f for f in check_label(view(planes)) if f.check == "holes"]
    assert finding.severity is Severity.WARNING
    assert "75 background voxels" in finding.message
    assert names(check_label(view(planes, "heart_myocardium")), Severity.WARNING) == set()


def test_slice_gaps() -> None:
    planes = cube()
    planes[5:7] = False
    (finding,) = [f for f in check_label(view(planes)) if f.check == "slice_gaps"]
    assert finding.severity is Severity.WARNING
    assert finding.evidence["slices"] == [5, 6]


def test_border_contact() -> None:
    assert names(check_label(view(np.roll(cube(), 10, axis=1)))) == {"border_contact"}


def test_grid_mismatch_in_shape_and_in_millimetres() -> None:
    other = replace(FILE, label_grid=Grid((10, 10, 11), GRID.affine))
    assert names(check_file(other), Severity.ERROR) == {"grid_mismatch"}
    for moved, severity in ((0.0005, None), (0.05, "info"), (0.3, "warning"), (0.9, "error")):
        affine = GRID.affine.copy()
        affine[0, 3] += moved
        findings = check_file(replace(FILE, label_grid=Grid(GRID.shape, affine)))
        assert [f.severity.value for f in findings] == ([severity] if severity else [])


def test_label_values() -> None:
    fraction = check_file(replace(FILE, max_fraction=0.4))
    assert names(fraction, Severity.ERROR) == {"label_values"}
    (unknown,) = check_file(replace(FILE, counts={0: 1, 1: 5, 7: 3, -1: 2}))
    assert unknown.evidence["values"] == [-1, 7]
    assert "5 voxels" in unknown.message
    assert check_file(replace(FILE, counts={0: 1, 9: 1}, declared=frozenset())) == []


def facts(n: int, size: float, **changes: str) -> LabelFacts:
    base = LabelFacts(f"c{n}", f"s{n}", "liver", "label", 100, size, "ml", f"m{n}", f"i{n}")
    return replace(base, **changes)  # type: ignore[arg-type]


def test_duplicates() -> None:
    labels = [facts(1, 1.0), facts(2, 1.0, image_sha256="i1"), facts(3, 1.0, mask_sha256="m1")]
    findings = check_cohort(labels)
    assert {(f.case_id, f.message) for f in findings} == {
        ("c2", "same image as case c1"),
        ("c3", "same mask as liver of case c1"),
    }


def test_two_sources_that_agree_are_no_duplicates() -> None:
    twin = facts(1, 1.0, source="second_rater")
    assert check_cohort([facts(1, 1.0), twin]) == []


def test_volume_outlier() -> None:
    rng = np.random.default_rng(0)
    labels = [facts(n, float(1500 * np.exp(rng.normal(0, 0.1)))) for n in range(12)]
    assert check_cohort(labels) == []
    assert names(check_cohort([*labels, facts(99, 150.0)]), Severity.ERROR) == {"volume_outlier"}
    assert check_cohort([*labels[:6], facts(99, 150.0)]) == []  # too few to say


def test_checks_do_not_change_what_they_see_and_give_plain_data() -> None:
    planes = cube()
    planes[4, 15, 15] = False
    before = planes.copy()
    for finding in check_label(view(planes)):
        assert Finding.from_json(finding.to_json()) == finding
        assert finding.suggestion
    np.testing.assert_array_equal(planes, before)


def test_every_check_has_a_whole_card_and_is_described_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
    every: dict[str, Check[Any]] = {}
    for table in (FILE_CHECKS, LABEL_CHECKS, COHORT_CHECKS):
        every.update(table)
    assert len(every) == 10
    for name, check in every.items():
        assert check.sees
        assert check.blind_to
        row = f"| `{name}` | {check.sees} | {check.blind_to} | {check.severity} | {check.rule} |"
        assert row in text


def test_same_mask_in_another_place_is_another_mask() -> None:
    one = facts_of(view(cube()), subject_id="s", image_sha256="i")
    same = facts_of(view(cube()), subject_id="t", image_sha256="j")
    moved = facts_of(view(np.roll(cube(), 1, axis=0)), subject_id="s", image_sha256="i")
    assert one.mask_sha256 == same.mask_sha256 != moved.mask_sha256
    assert one.size == pytest.approx(9.6)


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "n_cases"),
    [("chaos_t2", 8), ("jsrt", 20), ("hc18", 20), ("Task04_Hippocampus", 30)],
)
def test_expert_labels_draw_few_alarms(shared_data: Path, path: str, n_cases: int) -> None:
    """Every check runs on real expert labels; fewer than 2 % draw an error, 10 % a warning."""
    dataset = open_dataset(shared_data / path)
    findings: list[Finding] = []
    seen = []
    for case in dataset.cases[:n_cases]:
        image = read_image(case.images[0])
        axis = slicing_axis(image.grid)
        for ref in case.labels:
            labels = read_labels(ref.path)
            findings += check_file(
                FileView(
                    case.case_id,
                    ref.structure,
                    ref.source,
                    ref.path.name,
                    labels.volume.grid,
                    image.grid,
                    labels.counts,
                    frozenset(dataset.declared),
                    labels.max_fraction,
                )
            )
            label = LabelView(
                case.case_id,
                ref.structure,
                ref.source,
                as_planes(label_mask(labels, ref), axis),
                pixel_mm(image.grid, axis),
                image.grid.spacing_mm[axis],
                image.spacing_known,
            )
            findings += check_label(label)
            seen.append(facts_of(label, subject_id=case.subject_id, image_sha256=case.case_id))
    findings += check_cohort(seen)
    assert len(seen) >= 20
    assert sum(f.severity is Severity.ERROR for f in findings) < 0.02 * len(seen)
    assert sum(f.severity is Severity.WARNING for f in findings) < 0.1 * len(seen)
