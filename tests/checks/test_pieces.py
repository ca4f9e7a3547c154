from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from check_views import Planes, cube, names, view
from segassay.checks.label_rules.pieces import holes, islands, slice_gaps
from segassay.geometry.components import components
from segassay.types import Severity


def with_island(size: int = 6) -> Planes:
    planes = cube()
    planes[3:6, 33 : 33 + size, 33 : 33 + size] = True
    return planes


def test_a_block_draws_nothing() -> None:
    assert islands(view(cube())) == holes(view(cube())) == slice_gaps(view(cube())) == []


def test_an_island() -> None:
    (finding,) = islands(view(with_island()))
    assert finding.severity is Severity.WARNING
    assert finding.evidence == {"n": 1, "share": pytest.approx(108 / 3308)}
    assert "0.324 ml (3.3%)" in finding.message
    assert "slices 3 to 5" in finding.message


def test_specks_and_branches_are_info() -> None:
    assert names(islands(view(with_island(size=2))), Severity.INFO) == {"islands"}
    veins = islands(view(with_island(), "portal_vein_and_splenic_vein"))
    assert names(veins, Severity.INFO) == {"islands"}


def test_a_second_half_is_a_pair_unless_the_name_says_one_side() -> None:
    planes = np.zeros((12, 40, 80), dtype=np.bool_)
    planes[2:10, 10:30, 5:25] = planes[3:9, 10:30, 50:70] = True
    assert names(islands(view(planes, "lungs")), Severity.WARNING) == set()
    assert names(islands(view(planes, "kidneys")), Severity.WARNING) == set()
    assert names(islands(view(planes, "kidney_left")), Severity.WARNING) == {"islands"}


def test_many_specks_are_a_warning() -> None:
    planes = cube()
    planes[0, 0, ::4] = planes[0, 4, ::4] = True
    (finding,) = islands(view(planes))
    assert finding.evidence["n"] == 20
    assert finding.severity is Severity.WARNING


def test_scattered_voxels_are_no_pair() -> None:
    planes = np.zeros((12, 40, 40), dtype=np.bool_)
    planes[::4, ::4, ::4] = True  # 300 single voxels: nearly all lie outside the largest piece
    (finding,) = islands(view(planes, "lesions"))
    assert finding.severity is Severity.INFO
    (finding,) = islands(view(planes))
    assert finding.evidence["share"] > 0.9
    assert finding.severity is Severity.WARNING


def test_both_legs_of_an_arch_cut_by_the_scan_do_not_float() -> None:
    planes = np.zeros((30, 40, 40), dtype=np.bool_)
    planes[2:28, 25:30, 10:16] = True
    planes[22:28, 5:10, 10:16] = True
    assert islands(view(planes, "aorta")) == []
    planes[27, 5:10, 10:16] = False  # ends a slice below the other leg
    assert names(islands(view(planes, "aorta")), Severity.WARNING) == {"islands"}


def test_a_piece_beside_the_largest_does_not_float() -> None:
    planes = cube()
    planes[10, 31:36, 12:20] = True  # next slice, two rows off
    assert islands(view(planes)) == []
    planes = cube()
    planes[10, 32:37, 12:20] = True
    assert names(islands(view(planes))) == {"islands"}


def test_a_hole_on_all_sides() -> None:
    planes = cube()
    planes[4:7, 15:20, 15:20] = False
    (finding,) = holes(view(planes))
    assert finding.severity is Severity.WARNING
    assert "75 background voxels" in finding.message
    assert finding.evidence["slice"] == 4
    assert names(holes(view(planes, "heart_myocardium")), Severity.WARNING) == set()


def test_a_tube_is_no_hole_in_space() -> None:
    planes = cube()
    planes[:, 18:22, 18:22] = False  # 16 of 400 in each slice
    (finding,) = holes(view(planes))
    assert finding.severity is Severity.INFO
    assert finding.evidence["share"] == 0
    assert holes(view(planes, "heart_myocardium")) == []
    planes = cube()
    planes[:, 20, 20] = False  # 8 voxels of 3200 are a speck
    assert holes(view(planes)) == []


def test_a_hole_in_a_picture() -> None:
    planes = cube()[4:5].copy()
    planes[0, 15:20, 15:20] = False
    (finding,) = holes(replace(view(planes), spacing_known=False))
    assert finding.severity is Severity.WARNING
    assert finding.evidence["share"] == pytest.approx(25 / 375)


def test_one_slice_of_a_volume_does_not_show_what_hangs_together() -> None:
    planes = cube()[4:5].copy()
    planes[0, 15:20, 15:20] = False
    planes[0, 33:39, 33:39] = True
    cut, picture = view(planes), replace(view(planes), spacing_known=False)
    for check in (holes, islands):
        assert [f.severity for f in check(cut)] == [Severity.INFO]
        assert [f.severity for f in check(picture)] == [Severity.WARNING]


def test_a_gap_between_slices() -> None:
    planes = cube()
    planes[5:7] = False
    (finding,) = slice_gaps(view(planes))
    assert finding.severity is Severity.WARNING
    assert finding.evidence["slices"] == [5, 6]
    assert names(slice_gaps(view(planes, "ribs")), Severity.INFO) == {"slice_gaps"}


def test_missing_rows_show_in_isotropic_volumes_only() -> None:
    planes = cube()
    planes[:, 14:16] = False
    (finding,) = slice_gaps(view(planes, thickness_mm=1.0))
    assert finding.severity is Severity.WARNING
    assert finding.evidence == {"rows": [14, 15]}
    assert slice_gaps(view(planes, thickness_mm=3.0)) == []
    turned = np.ascontiguousarray(planes.transpose(0, 2, 1))
    (finding,) = slice_gaps(view(turned, thickness_mm=1.0))
    assert finding.evidence == {"columns": [14, 15]}


def test_wide_gaps_along_rows_are_two_structures() -> None:
    planes = cube()
    planes[:, 14:17] = False
    assert slice_gaps(view(planes, thickness_mm=1.0)) == []


@given(arrays(np.bool_, (4, 6, 6)), st.sampled_from(["liver", "kidney_left", "lungs"]))
def test_any_mask_can_be_checked_and_is_as_odd_mirrored(mask: Planes, structure: str) -> None:
    sizes = components(mask).sizes
    assume(len(sizes) < 2 or sizes[0] > sizes[1])  # else the first in storage order is the main one
    for check in (islands, holes, slice_gaps):
        plain = check(view(mask, structure, thickness_mm=1.0))
        mirrored = check(view(mask[:, ::-1, ::-1], structure, thickness_mm=1.0))
        assert [f.severity for f in plain] == [f.severity for f in mirrored]
