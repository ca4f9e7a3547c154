from dataclasses import asdict

import numpy as np
import pytest

from check_views import cube, facts, names, view
from segassay.checks.all_checks import label_facts
from segassay.checks.base import LabelFacts
from segassay.checks.cohort_rules.cohort import duplicates, volume_outlier
from segassay.images.volume import voxel_sha256
from segassay.types import Severity


def cohort(n: int = 12) -> list[LabelFacts]:
    rng = np.random.default_rng(0)
    return [facts(i, float(1500 * np.exp(rng.normal(0, 0.1)))) for i in range(n)]


def test_the_same_image_and_the_same_mask() -> None:
    labels = [facts(1), facts(2, image_sha256="i1"), facts(3, mask_sha256="m1")]
    found = {(f.case_id, f.structure, f.message) for f in duplicates(labels)}
    assert found == {
        ("c2", None, "same image as case c1, which is said to be another subject"),
        ("c3", "liver", "same mask as liver of case c1"),
    }


def test_one_finding_per_copied_case_whatever_it_holds() -> None:
    labels = [
        facts(n, structure=name, image_sha256="i", mask_sha256=name, subject_id="s")
        for n in (1, 2, 3)
        for name in ("liver", "spleen")
    ]
    found = duplicates(labels)
    assert [(f.case_id, f.message) for f in found] == [
        ("c2", "same image as case c1"),
        ("c3", "same image as case c1"),
    ]


def test_one_mask_for_two_structures_of_a_case() -> None:
    labels = [facts(1), facts(1, structure="spleen", mask_sha256="m1")]
    (finding,) = duplicates(labels)
    assert (finding.structure, finding.evidence["twin_structure"]) == ("spleen", "liver")


def test_agreeing_sources_empty_masks_and_unknown_images_are_no_duplicates() -> None:
    assert duplicates([facts(1), facts(1, source="second_rater")]) == []
    assert duplicates([facts(n, n_voxels=0, mask_sha256="m") for n in range(3)]) == []
    assert duplicates([facts(n, image_sha256="") for n in range(3)]) == []


def test_a_size_unlike_all_others() -> None:
    assert volume_outlier(cohort()) == []
    (small,) = volume_outlier([*cohort(), facts(99, 150.0)])
    assert (small.case_id, small.severity) == ("c99", Severity.WARNING)
    assert small.evidence["z"] < -6
    (large,) = volume_outlier([*cohort(), facts(99, 15000.0)])
    assert large.evidence["z"] > 6


def test_robust_z_by_hand() -> None:
    """Logs 0 to 8: median 4, median absolute deviation 2; a tenth of 20 lies (20-4.5)/..."""
    labels = [facts(n, float(np.exp(n))) for n in range(9)]
    odd = facts(99, float(np.exp(20)))
    (finding,) = volume_outlier([*labels, odd])
    deviations = sorted(abs(n - 4.5) for n in [*range(9), 20])
    mad = (deviations[4] + deviations[5]) / 2
    assert finding.evidence["z"] == pytest.approx((20 - 4.5) / (1.4826 * mad))
    assert finding.evidence["n"] == 10


def test_too_few_to_say_and_other_units_apart() -> None:
    assert volume_outlier([*cohort(6), facts(99, 150.0)]) == []
    pixels = [facts(n + 50, 9e4, unit="voxels") for n in range(3)]
    assert volume_outlier([*cohort(), *pixels]) == []


def test_a_small_mask_cut_by_the_border_is_info() -> None:
    (finding,) = volume_outlier([*cohort(), facts(99, 150.0, cut=True)])
    assert finding.severity is Severity.INFO
    (large,) = volume_outlier([*cohort(), facts(99, 15000.0, cut=True)])
    assert large.severity is Severity.WARNING


def test_order_does_not_matter() -> None:
    labels = [*cohort(), facts(99, 150.0), facts(98, 1500.0, image_sha256="i1")]
    shuffled = [labels[n] for n in np.random.default_rng(1).permutation(len(labels))]
    for check in (duplicates, volume_outlier):
        assert {f.message for f in check(labels)} == {f.message for f in check(shuffled)}


def test_same_mask_in_another_place_is_another_mask() -> None:
    one = label_facts(view(cube()), subject_id="s", image_sha256="i")
    same = label_facts(view(cube()), subject_id="t", image_sha256="j")
    moved = label_facts(view(np.roll(cube(), 1, axis=0)), subject_id="s", image_sha256="i")
    shifted = label_facts(view(np.roll(cube(), 1, axis=2)), subject_id="s", image_sha256="i")
    assert one.mask_sha256 == same.mask_sha256
    assert len({one.mask_sha256, moved.mask_sha256, shifted.mask_sha256}) == 3
    assert one.size == pytest.approx(9.6)
    assert not one.cut
    assert LabelFacts(**asdict(one)) == one


def test_what_counts_as_cut() -> None:
    ended = label_facts(view(np.roll(cube(), 2, axis=0)), subject_id="s", image_sha256="i")
    assert ended.cut  # 400 of 3200 voxels lie in the last slice
    touched = cube()
    touched[4, :10, 12] = True  # one voxel reaches the first row
    assert not label_facts(view(touched), subject_id="s", image_sha256="i").cut


def test_checksum_of_voxels_depends_on_content_only() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert voxel_sha256(array) == voxel_sha256(np.asfortranarray(array))
    assert voxel_sha256(array) != voxel_sha256(array.reshape(3, 2, 4))
    assert voxel_sha256(array) != voxel_sha256(array + 1)
    assert names(duplicates([facts(1), facts(2)])) == set()
