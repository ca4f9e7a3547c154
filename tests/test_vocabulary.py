"""One spelling for every name, and vectors that keep sides and levels apart."""

import csv
import importlib.resources
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segassay.vocabulary.freesurfer import freesurfer_names
from segassay.vocabulary.names import (
    canonical_name,
    canonical_names,
    lookup,
    mirrored,
    near_matches,
)
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
        ("Vertebra T12", "vertebrae_T12"),
        ("LK", "kidney_left"),
        ("LA", "heart_atrium_left"),
        ("right adrenal gland", "adrenal_gland_right"),
        ("Portal vein & splenic vein", "portal_vein_and_splenic_vein"),
        ("Femoral head L", "femur_left"),
        ("Fetal head", "fetal_head"),
        ("skin-lesion", "skin_lesion"),
        ("label_7", "label_7"),
        ("Left-Thalamus-Proper", "thalamus_left"),
        ("Right-VentralDC", "ventral_diencephalon_right"),
        ("ctx-rh-superiorfrontal", "superior_frontal_cortex_right"),
        ("3rd-Ventricle", "third_ventricle"),
        ("CC_Mid_Anterior", "corpus_callosum_mid_anterior"),
        ("arota", "aorta"),
        ("optic disk", "optic_disc"),
        ("肝脏", "肝脏"),
        ("--", ""),
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
    assert mirrored("kidney_left") == "kidney_right"
    assert mirrored("parotid_left") == "parotid_right"


def test_structures_without_a_twin_stay() -> None:
    for name in ("heart_ventricle_left", "lung_middle_lobe_right", "atrial_appendage_left"):
        assert mirrored(name) == name


@given(st.text(max_size=30))
def test_spelling_twice_changes_nothing(text: str) -> None:
    assert canonical_name(canonical_name(text)) == canonical_name(text)


def test_every_alias_is_reachable_and_ends_in_a_canonical_name() -> None:
    file = importlib.resources.files("segassay.vocabulary").joinpath("aliases.csv")
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert len({row["alias"] for row in rows}) == len(rows)
    for row in rows:
        assert row["alias"] != row["name"]
        company = row["company"].split()
        if company:
            assert canonical_name(row["alias"]) == row["alias"]
        named = canonical_names([row["alias"], *company[:1]])
        assert named[row["alias"]] == row["name"] == canonical_name(row["name"])


def test_general_words_mean_something_only_in_company() -> None:
    assert canonical_names(["Anterior", "Posterior"], of="Task04_Hippocampus") == {
        "Anterior": "hippocampus_anterior",
        "Posterior": "hippocampus_posterior",
    }
    assert canonical_names(["Anterior", "veins"], of="eye") == {
        "Anterior": "anterior",
        "veins": "veins",
    }
    both = canonical_names(["veins", "liver", "portal_vein_and_splenic_vein"])
    assert len(set(both.values())) == 3


def test_freesurfer_numbers_are_named_only_where_they_are_unmistakable() -> None:
    assert freesurfer_names([17, 1001, 2002, 2035])[17] == "hippocampus_left"
    assert freesurfer_names([17, 53, 1001, 2002]) == {}
    assert freesurfer_names([1001, 2002, 2035, 4]) != {}
    assert freesurfer_names([1001, 2002, 2035, 999]) == {}


def test_names_load_without_numpy() -> None:
    code = "import sys, segassay.vocabulary.names; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_names_with_side_or_level_stay_apart() -> None:
    assert name_vector("kidney_left").shape == (NAME_DIM,)
    assert not name_vector(None).any()
    for one, two in (("kidney_left", "kidney_right"), ("vertebrae_T11", "vertebrae_T12")):
        assert np.linalg.norm(name_vector(one) - name_vector(two)) > 0.5
