"""Checks on real expert labels: few alarms as they are, and planted faults are found in them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from check_views import Planes, names
from segassay.checks.base import FileView, LabelFacts, LabelView
from segassay.checks.registry import (
    check_cohort,
    check_file,
    check_label,
    facts_of,
)
from segassay.data.case import Case, Dataset
from segassay.data.io import label_mask, read_image, read_labels
from segassay.data.readers import open_dataset
from segassay.data.slicing import as_planes, pixel_mm, slicing_axis
from segassay.data.volume import voxel_sha256
from segassay.geometry.grid import Grid
from segassay.records.findings import Finding
from segassay.types import Severity

pytestmark = pytest.mark.data


@dataclass
class Seen:
    """All that the checks see of some cases."""

    files: list[FileView] = field(default_factory=list)
    labels: list[LabelView] = field(default_factory=list)
    facts: list[LabelFacts] = field(default_factory=list)

    def findings(self) -> list[Finding]:
        of_files = [f for view in self.files for f in check_file(view)]
        of_labels = [f for view in self.labels for f in check_label(view)]
        return [*of_files, *of_labels, *check_cohort(self.facts)]


def look_at(dataset: Dataset, case: Case, seen: Seen) -> None:
    image = read_image(case.images[0])
    axis = slicing_axis(image.grid)
    digest = voxel_sha256(image.array)
    for path in dict.fromkeys(ref.path for ref in case.labels):
        labels = read_labels(path)
        refs = [ref for ref in case.labels if ref.path == path]
        alone = refs[0].structure if refs[0].values is None else None
        seen.files.append(
            FileView(
                case.case_id,
                alone,
                refs[0].source,
                path.name,
                labels.volume.grid,
                image.grid,
                labels.counts,
                frozenset() if alone else frozenset(dataset.declared),
                labels.max_fraction,
            )
        )
        for ref in refs:
            planes = as_planes(label_mask(labels, ref), axis)
            view = LabelView(
                case.case_id,
                ref.structure,
                ref.source,
                planes,
                pixel_mm(image.grid, axis),
                image.grid.spacing_mm[axis],
                image.spacing_known,
            )
            seen.labels.append(view)
            seen.facts.append(facts_of(view, subject_id=case.subject_id, image_sha256=digest))


@pytest.mark.parametrize(
    ("path", "n_cases"),
    [
        ("nnUNet_raw/Dataset101_BTCV", 3),
        ("nnUNet_raw/Dataset027_ACDC", 12),
        ("Task04_Hippocampus", 20),
        ("Task90_LeftAtrium", 1),
        ("chaos_t2", 8),
        ("jsrt", 20),
        ("hc18", 20),
        ("ph2", 20),
    ],
)
def test_expert_labels_draw_few_alarms(shared_data: Path, path: str, n_cases: int) -> None:
    """No error, and warnings on at most 5 % of the labels (or one)."""
    dataset = open_dataset(shared_data / path)
    seen = Seen()
    for case in dataset.cases[:n_cases]:
        look_at(dataset, case, seen)
    findings = seen.findings()
    assert names(findings, Severity.ERROR) == set()
    warnings = [f.message for f in findings if f.severity is Severity.WARNING]
    assert len(warnings) <= max(1, 0.05 * len(seen.labels)), warnings


@pytest.fixture(scope="module")
def liver(shared_data: Path) -> Seen:
    """The first case of CHAOS, whose labels are stored as floats: files, labels and facts."""
    dataset = open_dataset(shared_data / "chaos_t2")
    seen = Seen()
    look_at(dataset, dataset.cases[0], seen)
    (n,) = [n for n, view in enumerate(seen.labels) if view.structure == "liver"]
    return Seen(seen.files, [seen.labels[n]], seen.facts)


def edited(view: LabelView, edit: Callable[[Planes, int], None]) -> LabelView:
    planes = np.array(view.planes)
    edit(planes, int(view.areas.argmax()))
    return replace(view, planes=planes)


def add_island(planes: Planes, largest: int) -> None:
    rows, columns = np.nonzero(planes[largest])
    size = round((0.1 * np.count_nonzero(planes) / 3) ** 0.5)
    corner = (rows.max() + 8, columns.max() - size)
    planes[largest - 1 : largest + 2, corner[0] : corner[0] + size, corner[1] :][..., :size] = True


def add_hole(planes: Planes, largest: int) -> None:
    """Hollow out 31 x 31 pixels of one slice, closed on all sides."""
    rows, columns = np.nonzero(planes[largest])
    row, column = int(np.median(rows)), int(np.median(columns))
    planes[largest - 1 : largest + 2, row - 16 : row + 17, column - 16 : column + 17] = True
    planes[largest, row - 15 : row + 16, column - 15 : column + 16] = False


def drop_slices(planes: Planes, largest: int) -> None:
    planes[largest] = False


def drop_all(planes: Planes, largest: int) -> None:
    planes[:] = False


def fill_all(planes: Planes, largest: int) -> None:
    planes[:] = True


def keep_the_top(planes: Planes, largest: int) -> None:
    rows = np.flatnonzero(planes.any(axis=(0, 2)))
    planes[:, rows[0] + len(rows) // 8 :] = False


def move_to_the_side(planes: Planes, largest: int) -> None:
    rows = np.flatnonzero(planes.any(axis=(0, 2)))
    planes[:] = np.roll(planes, -int(rows[0]), axis=1)


@pytest.mark.parametrize(
    ("edit", "check", "severity"),
    [
        (add_island, "islands", Severity.WARNING),
        (add_hole, "holes", Severity.WARNING),
        (drop_slices, "slice_gaps", Severity.WARNING),
        (drop_all, "empty_mask", Severity.INFO),
        (fill_all, "all_foreground", Severity.ERROR),
        (move_to_the_side, "border_contact", Severity.INFO),
    ],
)
def test_a_fault_planted_in_an_expert_label_is_found(
    liver: Seen, edit: Callable[[Planes, int], None], check: str, severity: Severity
) -> None:
    assert check not in names(check_label(liver.labels[0]), severity)
    assert check in names(check_label(edited(liver.labels[0], edit)), severity)


def test_a_moved_grid_and_odd_values_are_found_in_a_real_file(liver: Seen) -> None:
    (file,) = liver.files
    assert check_file(file) == []
    affine = file.label_grid.affine.copy()
    affine[2, 3] += file.label_grid.spacing_mm[2]
    moved = replace(
        file,
        label_grid=Grid(file.label_grid.shape, affine),
        counts={**file.counts, 99: 12},
    )
    assert names(check_file(moved), Severity.ERROR) == {"grid_mismatch", "label_values"}


def test_a_copied_label_and_a_shrunken_one_are_found_among_real_ones(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "hc18")
    seen = Seen()
    for case in dataset.cases[:12]:
        look_at(dataset, case, seen)
    assert check_cohort(seen.facts) == []
    first, second = seen.labels[:2]
    for view, check in (
        (replace(second, planes=first.planes), "duplicates"),
        (edited(second, keep_the_top), "volume_outlier"),
    ):
        facts = list(seen.facts)
        facts[1] = facts_of(
            view, subject_id=facts[1].subject_id, image_sha256=facts[1].image_sha256
        )
        assert {(f.check, f.case_id) for f in check_cohort(facts)} == {(check, second.case_id)}
