"""Sides, levels and neighbours on a patient made of blocks, in any storage order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_views import BODY, flipped, names
from check_views import body_case as case
from segassay.checks.base import CaseView
from segassay.checks.label_rules.centres import places
from segassay.checks.label_rules.levels import level_order
from segassay.checks.label_rules.neighbours import impossible_contact, overlap
from segassay.checks.label_rules.sides import left_right, orientation, uneven_twins
from segassay.records.findings import Finding
from segassay.types import Severity


def all_of(view: CaseView) -> list[Finding]:
    return [
        f for check in (left_right, orientation, level_order, uneven_twins) for f in check(view)
    ]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_centre_is_found_whatever_the_slices_count_along(axis: int) -> None:
    (place,) = places(case({"liver": (40, 30, 25)}, axis=axis)).values()
    assert place.centre_mm == pytest.approx((4 * 39.5, 4 * 29.5, 5 * 24.5))
    assert place.top_mm == pytest.approx(5 * 27)
    assert not place.at_top


def test_a_right_body_draws_nothing() -> None:
    assert all_of(case(BODY)) == []


def test_exchanged_names_of_a_pair() -> None:
    swapped = {**BODY, "kidney_left": BODY["kidney_right"], "kidney_right": BODY["kidney_left"]}
    (finding,) = all_of(case(swapped))
    assert (finding.check, finding.severity) == ("left_right", Severity.ERROR)
    assert finding.evidence["pair"] == ["kidney_left", "kidney_right"]
    assert finding.evidence["distance_mm"] == pytest.approx(80)


@pytest.mark.parametrize(("axis", "letter"), [(0, "R"), (1, "A"), (2, "S")])
def test_a_header_with_a_wrong_sign(axis: int, letter: str) -> None:
    (finding,) = all_of(case(flipped(axis)))
    assert (finding.check, finding.severity) == ("orientation", Severity.ERROR)
    assert finding.evidence["axis"] == letter


def test_situs_inversus_is_a_warning() -> None:
    mirrored = flipped(0)
    inverted = {
        **mirrored,
        "kidney_left": BODY["kidney_left"],
        "kidney_right": BODY["kidney_right"],
    }
    (finding,) = all_of(case(inverted))
    assert (finding.check, finding.severity) == ("orientation", Severity.WARNING)
    assert "situs inversus" in finding.suggestion


@given(st.permutations(list(BODY)))
def test_without_a_true_orientation_all_are_silent(order: list[str]) -> None:
    shuffled = dict(zip(order, BODY.values(), strict=True))
    assert all_of(case(shuffled, anatomical=False)) == []


def test_centres_close_together_say_nothing() -> None:
    near = {"kidney_left": (31, 12, 20), "kidney_right": (29, 12, 20), "liver": (30, 30, 25)}
    assert all_of(case({**near, "spleen": (31, 20, 25)})) == []


SPINE = {
    f"vertebrae_{name}": (30, 8, 35 - 5 * n)
    for n, name in enumerate(("T11", "T12", "L1", "L2", "L3"))
}


def test_levels_in_order() -> None:
    assert level_order(case(SPINE, half=2)) == []
    assert level_order(case({"vertebrae_L1": (30, 8, 20)})) == []


def test_exchanged_levels() -> None:
    wrong = {
        **SPINE,
        "vertebrae_T12": SPINE["vertebrae_L1"],
        "vertebrae_L1": SPINE["vertebrae_T12"],
    }
    found = level_order(case(wrong, half=2))
    assert names(found, Severity.ERROR) == {"level_order"}
    assert found[0].evidence["pair"] == ["vertebrae_T12", "vertebrae_L1"]


def test_a_skipped_level() -> None:
    renamed = {n.replace("L3", "L4"): c for n, c in SPINE.items()}
    (finding,) = level_order(case(renamed, half=2))
    assert finding.severity is Severity.WARNING
    assert "vertebrae_L4 follows vertebrae_L2" in finding.message
    left_out = {n: c for n, c in SPINE.items() if n != "vertebrae_L1"}
    assert level_order(case(left_out, half=2)) == []


def test_a_spine_upside_down_is_the_header() -> None:
    down = {name: (i, j, 40 - k) for name, (i, j, k) in SPINE.items()}
    assert level_order(case(down, half=2)) == []


def test_ribs_go_by_their_upper_ends() -> None:
    ribs = {f"rib_left_{n}": (15, 20, 35 - 5 * n) for n in range(1, 6)}
    assert level_order(case(ribs, half=2)) == []
    wrong = {**ribs, "rib_left_2": ribs["rib_left_3"], "rib_left_3": ribs["rib_left_2"]}
    assert names(level_order(case(wrong, half=2)), Severity.ERROR) == {"level_order"}


def test_overlapping_masks_of_two_files() -> None:
    both = {"liver": (30, 30, 20), "spleen": (32, 30, 20)}
    (finding,) = overlap(case(both, files=True))
    assert finding.severity is Severity.WARNING
    (pair,) = finding.evidence["pairs"]
    assert pair == {
        "structures": ["liver", "spleen"],
        "voxels": 4 * 6 * 6,
        "share": round(4 / 6, 4),
    }
    assert overlap(case(both)) == []  # one file
    assert overlap(case({"liver": (30, 30, 20), "spleen": (40, 30, 20)}, files=True)) == []


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("liver", "liver_tumor"),
        ("kidney_left", "kidney_cyst_left"),
        ("lung_left", "lung_upper_lobe_left"),
        ("heart", "heart_atrium_left"),
        ("body", "liver"),
    ],
)
def test_parts_of_a_whole_overlap_by_nature(whole: str, part: str) -> None:
    for pair in ((whole, part), (part, whole)):
        (finding,) = overlap(case(dict.fromkeys(pair, (30, 30, 20)), files=True))
        assert finding.severity is Severity.INFO


def test_structures_that_cannot_touch() -> None:
    touching = {"heart_ventricle_left": (30, 30, 20), "heart_ventricle_right": (36, 30, 20)}
    (finding,) = impossible_contact(case(touching))
    assert finding.evidence["faces"] == 36
    assert finding.evidence["share"] == pytest.approx(36 / 216)
    apart = {"heart_ventricle_left": (30, 30, 20), "heart_ventricle_right": (37, 30, 20)}
    assert impossible_contact(case(apart)) == []
    neighbours = {"liver": (30, 30, 20), "kidney_right": (36, 30, 20)}
    assert impossible_contact(case(neighbours)) == []


def test_levels_touch_their_neighbours_only() -> None:
    stack = {"vertebrae_T12": (30, 30, 20), "vertebrae_L1": (30, 30, 14)}
    assert impossible_contact(case(stack)) == []
    mixed = {"vertebrae_T12": (30, 30, 20), "vertebrae_L2": (30, 30, 14)}
    assert names(impossible_contact(case(mixed))) == {"impossible_contact"}
    ribs = {"rib_left_4": (30, 30, 20), "rib_left_6": (30, 30, 14)}
    assert names(impossible_contact(case(ribs))) == {"impossible_contact"}
    sides = {"rib_left_4": (30, 30, 20), "rib_right_6": (30, 30, 14)}
    assert impossible_contact(case(sides)) == []


def test_a_pair_of_which_one_is_a_rest() -> None:
    whole = case({"kidney_left": (18, 12, 20)}, half=5)
    rest = case({"kidney_right": (38, 12, 20)}, half=3)
    both = CaseView("c", "label", whole.image, (*whole.labels, *rest.labels))
    (finding,) = uneven_twins(both)
    assert finding.evidence == {"ratio": pytest.approx(1000 / 216), "smaller": "kidney_right"}
    at_border = case({"kidney_right": (2, 12, 20)}, half=3)
    assert (
        uneven_twins(CaseView("c", "label", whole.image, (*whole.labels, *at_border.labels))) == []
    )
