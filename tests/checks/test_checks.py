"""What every check promises: a card in the docs, plain data out, nothing changed on the way."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from check_views import FILE, GRID, cube, facts, view
from segassay.checks.base import Check
from segassay.checks.registry import (
    COHORT_CHECKS,
    FILE_CHECKS,
    LABEL_CHECKS,
    check_cohort,
    check_file,
    check_label,
)
from segassay.data.header import HeaderFacts
from segassay.geometry.grid import Grid
from segassay.records.findings import Finding
from segassay.types import Severity

EVERY: dict[str, Check[Any]] = {**FILE_CHECKS, **LABEL_CHECKS, **COHORT_CHECKS}
RANK = (Severity.INFO, Severity.WARNING, Severity.ERROR)


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
    rims = np.tile(np.array([0, 2, 4, 8, 4, 2, 0], dtype=np.int32), (9, 9, 1))
    same = [facts(n, image_sha256="i") for n in range(2)]
    sizes = [facts(n, 100.0) for n in range(9)]
    return {
        "grid_mismatch": replace(FILE, label_grid=Grid((10, 12, 15), GRID.affine)),
        "label_values": replace(FILE, max_fraction=0.5),
        "mask_coding": replace(FILE, counts={0: 9, 255: 1}),
        "interpolated_values": replace(FILE, array=rims, counts=dict.fromkeys((0, 2, 4, 8), 9)),
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
        "duplicates": same,
        "volume_outlier": [*sizes, facts(99, 1.0)],
    }


def test_every_name_is_taken_once() -> None:
    assert len(EVERY) == len(FILE_CHECKS) + len(LABEL_CHECKS) + len(COHORT_CHECKS)
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
    before = seen.planes.copy()
    seen.planes.setflags(write=False)
    assert EVERY[name].run(seen) == EVERY[name].run(seen)
    np.testing.assert_array_equal(seen.planes, before)


@pytest.mark.parametrize("name", EVERY)
def test_the_card_is_whole_and_stands_in_the_docs(name: str) -> None:
    check = EVERY[name]
    assert all((check.sees, check.blind_to, check.rule))
    text = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
    row = f"| `{name}` | {check.sees} | {check.blind_to} | {check.severity} | {check.rule} |"
    assert row in text.splitlines()


def test_a_clean_label_draws_nothing() -> None:
    assert check_label(view(cube())) == []
    assert check_file(FILE) == []
    assert check_cohort([facts(n) for n in range(12)]) == []
