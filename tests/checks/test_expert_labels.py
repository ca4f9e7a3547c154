"""Checks on real expert labels: few alarms as they are, and planted faults are found in them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from check_views import Planes, names
from segassay.auditing.views import case_views, file_view, image_view, label_view
from segassay.checks.all_checks import (
    check_case,
    check_cohort,
    check_file,
    check_image,
    check_label,
    label_facts,
)
from segassay.checks.base import CaseView, FileView, LabelFacts, LabelView
from segassay.checks.cohort_rules.fingerprints import image_print
from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import read_case
from segassay.geometry.grid import Grid
from segassay.images.io import LabelMap
from segassay.images.mask import Mask
from segassay.images.volume import Volume, voxel_sha256
from segassay.records.findings import Finding
from segassay.types import Severity

pytestmark = pytest.mark.data


@dataclass
class Seen:
    """All that the checks see of some cases."""

    files: list[FileView] = field(default_factory=list)
    labels: list[LabelView] = field(default_factory=list)
    cases: list[CaseView] = field(default_factory=list)
    facts: list[LabelFacts] = field(default_factory=list)

    def findings(self) -> list[Finding]:
        of_images = [f for view in self.cases for f in check_image(view.image)]
        of_files = [f for view in self.files for f in check_file(view)]
        of_labels = [f for view in self.labels for f in check_label(view)]
        of_cases = [f for view in self.cases for f in check_case(view)]
        return [*of_images, *of_files, *of_labels, *of_cases, *check_cohort(self.facts)]


def look_at(dataset: Dataset, case: Case, seen: Seen) -> None:
    files = read_case(case)
    assert isinstance(files.image, Volume)
    shown = image_view(files, files.image)
    digest, printed = voxel_sha256(files.image.array), image_print(shown.planes)
    own: list[LabelView] = []
    for file in files.labels:
        labels, refs = file.content, file.refs
        assert isinstance(labels, LabelMap)
        seen.files.append(file_view(refs, file, labels, shown, frozenset(dataset.declared)))
        known = files.image.spacing_known
        own += [
            label_view(ref, labels.mask(ref), shown, (), known=None, spacing_known=known)
            for ref in refs
        ]
    seen.labels += own
    seen.cases += case_views(shown, own)
    for view in own:
        seen.facts.append(
            label_facts(view, subject_id=case.subject_id, image_sha256=digest, image_print=printed)
        )


@pytest.mark.slow
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
    return Seen(seen.files, [seen.labels[n]], facts=seen.facts)


def edited(view: LabelView, edit: Callable[[Planes, int], None]) -> LabelView:
    planes = np.array(view.planes)
    edit(planes, int(view.areas.argmax()))
    return replace(view, planes=Mask.of(planes))


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
    assert names(check_file(file)) == {"float_storage"}
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
        facts[1] = label_facts(
            view, subject_id=facts[1].subject_id, image_sha256=facts[1].image_sha256
        )
        assert {(f.check, f.case_id) for f in check_cohort(facts)} == {(check, second.case_id)}


@pytest.fixture(scope="module")
def abdomen(shared_data: Path) -> CaseView:
    """The second training case of BTCV: thirteen organs, header with a true orientation."""
    dataset = open_dataset(shared_data / "nnUNet_raw/Dataset101_BTCV")
    seen = Seen()
    look_at(dataset, dataset.cases[1], seen)
    return seen.cases[0]


def mirrored(view: CaseView, axis: int) -> CaseView:
    """The case as a header with one wrong sign shows it: what lies where is turned round."""
    turn = np.eye(4)
    turn[axis, axis] = -1
    grid = Grid(view.image.grid.shape, turn @ view.image.grid.affine)
    return replace(view, image=replace(view.image, grid=grid))


def renamed(view: CaseView, names_of: dict[str, str]) -> CaseView:
    labels = [replace(v, structure=names_of.get(v.structure, v.structure)) for v in view.labels]
    return replace(view, labels=tuple(labels))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_header_of_a_real_abdomen(abdomen: CaseView, axis: int) -> None:
    """Front and back: liver and stomach lie before the kidneys. Nothing lies far above the rest."""
    assert check_case(abdomen) == []
    assert names(check_case(mirrored(abdomen, axis)), Severity.ERROR) == {"orientation"}


def test_exchanged_kidneys_of_a_real_abdomen(abdomen: CaseView) -> None:
    swap = {"kidney_left": "kidney_right", "kidney_right": "kidney_left"}
    assert names(check_case(renamed(abdomen, swap)), Severity.ERROR) == {"left_right"}


def test_a_mirrored_header_of_other_scanners(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "chaos_t2")
    seen = Seen()
    for case in dataset.cases[:3]:
        look_at(dataset, case, seen)
    for view in seen.cases:
        assert names(check_case(mirrored(view, 0)), Severity.ERROR) == {"orientation"}


@pytest.mark.parametrize(
    "path", ["nnUNet_raw/Dataset027_ACDC", "Task90_LeftAtrium", "jsrt", "hc18"]
)
def test_sets_without_orientation_say_nothing_about_sides(shared_data: Path, path: str) -> None:
    dataset = open_dataset(shared_data / path)
    seen = Seen()
    look_at(dataset, dataset.cases[0], seen)
    turned = mirrored(seen.cases[0], 0)
    found = names([*check_case(seen.cases[0]), *check_case(turned)])
    assert not found & {"left_right", "orientation", "level_order"}


def test_a_real_label_on_a_coarser_grid_and_in_the_void(abdomen: CaseView) -> None:
    (liver,) = abdomen.named("liver")
    assert not names(check_label(liver)) & {"stair_steps", "void_label", "slice_jumps"}
    whole = np.asarray(liver.planes)
    small = whole[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)
    coarse = replace(liver, planes=Mask.of(small[:, : whole.shape[1], : whole.shape[2]]))
    assert names(check_label(coarse), Severity.WARNING) >= {"stair_steps"}
    outside = replace(liver, planes=Mask.of(np.roll(whole, whole.shape[1] // 2, axis=1)))
    assert names(check_label(outside), Severity.WARNING) >= {"void_label"}


def test_a_real_label_map_resampled_as_an_image(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "chaos_t2")
    seen = Seen()
    look_at(dataset, dataset.cases[0], seen)
    (file,) = seen.files
    assert file.array is not None
    a = np.asarray(file.array(), dtype=np.float64)
    between = np.rint((a[:, :-1] + a[:, 1:]) / 2).astype(np.int32)
    assert "interpolated_values" in names(check_file(replace(file, array=lambda: between)))


def test_real_vertebrae_and_ribs_stand_in_order(shared_data: Path) -> None:
    dataset = open_dataset(shared_data / "totalsegmentator")
    seen = Seen()
    look_at(dataset, dataset.cases[0], seen)
    (view,) = seen.cases
    assert not names(check_case(view)) & {"level_order", "left_right", "orientation"}
    spine = sorted(v.structure for v in view.named("vertebrae"))
    assert len(spine) > 3
    wrong = renamed(view, {spine[0]: spine[1], spine[1]: spine[0]})
    assert names(check_case(wrong), Severity.ERROR) == {"level_order"}
    assert names(check_case(mirrored(view, 2)), Severity.ERROR) == {"orientation"}
