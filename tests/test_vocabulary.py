import numpy as np
import pytest

from segassay.vocabulary.names import canonical_name, lookup, mirrored, near_matches
from segassay.vocabulary.vector import NAME_DIM, name_vector


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("LV", "heart_ventricle_left"),
        ("gall_bladder", "gallbladder"),
        ("postcava", "inferior_vena_cava"),
        ("Kidney (left)", "kidney_left"),
        ("LeftLung", "lung_left"),
        ("vertebrae L1", "vertebrae_L1"),
        ("rib left 3", "rib_left_3"),
        ("something never heard of", "something_never_heard_of"),
    ],
)
def test_one_spelling(text: str, name: str) -> None:
    assert canonical_name(text) == name
    assert canonical_name(name) == name


def test_lookup_and_near_matches() -> None:
    structure = lookup("Left Kidney")
    assert structure is not None
    assert structure.totalsegmentator_v2_id == "3"
    assert lookup("flugelhorn") is None
    assert "spleen" in near_matches("splen")


def test_mirroring_twice_changes_nothing() -> None:
    for name in ("kidney_left", "rib_right_7", "heart_ventricle_left", "liver"):
        assert mirrored(mirrored(name)) == name


def test_names_with_side_or_level_stay_apart() -> None:
    assert name_vector("kidney_left").shape == (NAME_DIM,)
    assert not name_vector(None).any()
    for one, two in (("kidney_left", "kidney_right"), ("vertebrae_T11", "vertebrae_T12")):
        assert np.linalg.norm(name_vector(one) - name_vector(two)) > 0.5
