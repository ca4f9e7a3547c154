"""What every check promises: a card in the docs, plain data out, nothing changed on the way."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from check_views import BODY, FILE, GRID, body_case, cube, facts, flipped, image, view
from segassay.checks.all_checks import (
    CASE_CHECKS,
    COHORT_CHECKS,
    DATASET_CHECKS,
    FILE_CHECKS,
    IMAGE_CHECKS,
    LABEL_CHECKS,
    check_case,
    check_cohort,
    check_dataset,
    check_file,
    check_image,
    check_label,
)
from segassay.checks.base import Bound, Check
from segassay.checks.cohort_rules.fingerprints import image_print
from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.geometry.grid import Grid
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.label_ref import LabelRef
from segassay.records.findings import Finding
from segassay.types import Modality, Severity
from site_tables import RULES, checks_page

TABLES: tuple[dict[str, Any], ...] = (
    FILE_CHECKS,
    IMAGE_CHECKS,
    LABEL_CHECKS,
    CASE_CHECKS,
    COHORT_CHECKS,
    DATASET_CHECKS,
)
EVERY: dict[str, Check[Any]] = {name: check for table in TABLES for name, check in table.items()}
EDGE = np.arange(64.0).reshape(1, 8, 8) % 11
SOFT = EDGE + np.linspace(0, 0.1, 64).reshape(1, 8, 8)
RANK = (Severity.INFO, Severity.WARNING, Severity.ERROR)


def labelled(case_id: str, subject: str = "s", split: str | None = None) -> Case:
    label = LabelRef("liver", Path(f"{case_id}-label"))
    return Case(case_id, subject, (Path(case_id),), (label,), None, split)


def dataset(*cases: Case, issue: FileIssue | None = None) -> Dataset:
    files = () if issue is None else (Unmatched(Path("a"), "why", issue),)
    return Dataset(Path(), "images+labels", "set", cases, files)


def faulty_inputs() -> dict[str, Any]:
    """For each check something it has to speak about."""
    island, hole, gap = cube(), cube(), cube()
    island[3:6, 33:39, 33:39] = True
    hole[4:7, 15:20, 15:20] = False
    gap[5:7] = False
    speck, coarse, jumping = np.zeros_like(island), cube(20), cube(20)
    speck[3, 4, 5] = True
    for n in range(2, 18):
        coarse[n, : 10 + n // 4, :] = False
        jumping[n, : 12 + 6 * (n % 2), :] = False
    moved = np.eye(4)
    moved[0, 3] = 2.0
    odd = HeaderFacts((10, 12, 14), "float32", "RAS", moved, np.eye(4), moved, 2.0, 0.0)
    header = replace(FILE, header=odd, image_header=replace(odd, axes="LPS"))
    rims = np.tile(np.arange(7, dtype=np.int32), (9, 9, 1))
    void = np.full(island.shape, 40, np.float32)
    void[:, :20] = -1000
    lying = image(void)
    in_void = replace(view(cube()), image=lying, bounds=(Bound("liver", "voxels", 0, 9),))
    sheared = Grid(lying.grid.shape, np.array([[1, 0.5, 0, 0], *np.eye(4)[1:]]))
    wrapped = image(np.array([[[0, 1], [9, 65000]], [[7, 7], [7, 7]]], np.float32))
    wrapped = replace(wrapped, modality=Modality.CT)
    body = body_case(flipped(0), files=True)
    swapped = {"kidney_left": BODY["kidney_right"], "kidney_right": BODY["kidney_left"]}
    levels = {"vertebrae_T12": (30, 8, 10), "vertebrae_L1": (30, 8, 20)}
    at_once = dict.fromkeys(("liver", "spleen"), (30, 30, 20))
    touching = {"kidney_left": (20, 20, 20), "kidney_right": (26, 20, 20)}
    large = body_case({"kidney_left": (18, 12, 20)}, half=5)
    uneven = (*large.labels, *body_case({"kidney_right": (38, 12, 20)}, half=2).labels)
    prints = [image_print(np.kron(p, np.ones((1, 8, 8))).astype(np.float32)) for p in (EDGE, SOFT)]
    same = [facts(n, image_sha256="i") for n in range(2)]
    sizes = [facts(n, 100.0) for n in range(9)]
    return {
        "grid_mismatch": replace(FILE, label_grid=Grid((10, 12, 15), GRID.affine)),
        "label_values": replace(FILE, max_fraction=0.5),
        "mask_coding": replace(FILE, counts={0: 9, 255: 1}),
        "lossy_label": replace(FILE, n_greys=83),
        "label_exif": replace(FILE, turned=6),
        "exif_orientation": replace(lying, exif=6),
        "interpolated_values": replace(
            FILE, array=lambda: rims, counts=dict.fromkeys((0, 2, 4, 8), 9)
        ),
        "float_storage": header,
        "scaled_values": header,
        "header_forms": header,
        "axis_order": header,
        "tiny_mask": view(speck),
        "stair_steps": view(coarse),
        "slice_jumps": view(jumping),
        "empty_mask": view(np.zeros_like(island)),
        "all_foreground": view(np.ones_like(island)),
        "islands": view(island),
        "holes": view(hole),
        "slice_gaps": view(gap),
        "border_contact": view(np.roll(cube(), 10, axis=1)),
        "channels": replace(lying, channels={"c_0001.nii.gz": sheared}),
        "image_header": replace(lying, grid=sheared),
        "ct_values": wrapped,
        "blank_slices": wrapped,
        "few_levels": image(np.indices((4, 9, 9))[1].astype(np.float32)),
        "void_label": in_void,
        "tissue_hu": in_void,
        "user_bounds": in_void,
        "left_right": body_case(swapped),
        "orientation": body,
        "level_order": body_case(levels),
        "overlap": body_case(at_once, files=True),
        "impossible_contact": body_case(touching),
        "uneven_twins": replace(large, labels=uneven),
        "near_duplicates": [facts(n, image_print=text) for n, text in enumerate(prints)],
        "unused_structure": [facts(n, n_voxels=0) for n in range(2)],
        "split_leakage": dataset(*(labelled(f"c{part}", "s", part) for part in ("train", "test"))),
        "missing_file": replace(dataset(), missing=(Unmatched(Path("a"), "no such file"),)),
        "missing_image": dataset(issue=FileIssue.LABEL_WITHOUT_IMAGE),
        "missing_label": dataset(labelled("a"), labelled("b"), Case("c", "c", (Path("c"),))),
        "unused_file": dataset(issue=FileIssue.DUPLICATE),
        "duplicates": same,
        "volume_outlier": [*sizes, facts(99, 1.0)],
    }


def test_every_name_is_taken_once() -> None:
    assert len(EVERY) == sum(len(table) for table in TABLES)
    assert set(faulty_inputs()) == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_findings_are_plain_data_with_a_next_step(name: str) -> None:
    findings = EVERY[name].run(faulty_inputs()[name])
    assert findings
    for finding in findings:
        assert finding.check == name
        assert finding.message
        assert "\n" not in finding.message
        assert finding.suggestion
        assert RANK.index(finding.severity) <= RANK.index(EVERY[name].severity)
        assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding


@pytest.mark.parametrize("name", LABEL_CHECKS)
def test_a_check_of_a_label_changes_nothing_and_says_the_same_twice(name: str) -> None:
    seen = faulty_inputs()[name]
    before = np.array(seen.planes)
    seen.planes.inside.setflags(write=False)
    assert EVERY[name].run(seen) == EVERY[name].run(seen)
    np.testing.assert_array_equal(seen.planes, before)


def test_the_cards_are_whole_and_stand_in_the_docs() -> None:
    for name, check in EVERY.items():
        assert all((check.sees, check.blind_to, check.rule)), name
    text = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
    assert checks_page(text) == text, "run `make tables`"
    assert {name for checks in RULES.values() for name in checks} == set(EVERY)


def test_a_clean_label_draws_nothing() -> None:
    assert check_label(view(cube())) == []
    assert check_file(FILE) == []
    assert check_cohort([facts(n) for n in range(12)]) == []
    assert check_case(body_case(BODY)) == []
    assert check_image(body_case(BODY).image) == []
    assert check_dataset(dataset(labelled("c", split="train"))) == []
