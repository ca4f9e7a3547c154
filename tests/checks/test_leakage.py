from pathlib import Path

import numpy as np
import pytest

from check_views import facts
from segassay.checks.cohort_rules.cohort import unused_structure
from segassay.checks.cohort_rules.fingerprints import image_print, standardised
from segassay.checks.cohort_rules.leakage import near_duplicates, split_leakage
from segassay.datasets.case import Case, Dataset
from segassay.types import Severity


def case(number: int, subject: str, split: str | None) -> Case:
    return Case(f"c{number}", subject, (), (), None, split)


def dataset(*cases: Case) -> Dataset:
    return Dataset(Path("set"), "images+labels", "set", cases)


def test_a_subject_in_two_parts() -> None:
    cases = [
        case(1, "a", "train"),
        case(2, "b", "train"),
        case(3, "a", "test"),
        case(4, "a", "test"),
    ]
    (finding,) = split_leakage(dataset(*cases))
    assert finding.severity is Severity.ERROR
    assert finding.case_id == "c3"
    assert finding.evidence == {"subject": "a", "parts": {"train": ["c1"], "test": ["c3", "c4"]}}
    assert split_leakage(dataset(*cases[:2])) == []
    assert split_leakage(dataset(case(1, "a", None), case(2, "a", "train"))) == []


def picture(seed: int, size: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, size=(1, 8, 8))
    return np.kron(coarse, np.ones((1, size // 8, size // 8))).astype(np.float32)


def test_a_print_survives_contrast_noise_and_size() -> None:
    plain = picture(1)
    noisy = 0.5 * plain + 20 + np.random.default_rng(2).normal(0, 5, plain.shape)
    prints = [
        image_print(plain),
        image_print(noisy.astype(np.float32)),
        image_print(picture(1, size=128)),
        image_print(picture(3)),
    ]
    rows = standardised(prints)
    alike = rows @ rows[0]
    assert alike[:3] == pytest.approx([1, 1, 1], abs=5e-3)
    assert alike[3] < 0.9


def test_no_print_of_what_shows_nothing() -> None:
    assert image_print(np.zeros((1, 64, 64), np.float32)) == ""
    assert image_print(picture(1)[:, :9, :9]) == ""
    assert image_print(np.random.default_rng(0).random((20, 32, 32)).astype(np.float32)) != ""


def test_nearly_the_same_image_of_two_subjects() -> None:
    noisy = (picture(1) + np.random.default_rng(2).normal(0, 2, (1, 64, 64))).astype(np.float32)
    plain, copy, other = image_print(picture(1)), image_print(noisy), image_print(picture(3))
    labels = [
        facts(1, image_print=plain, split="train"),
        facts(1, structure="spleen"),
        facts(2, image_print=other),
        facts(3, image_print=copy, split="test"),
    ]
    (finding,) = near_duplicates(labels)
    assert (finding.case_id, finding.evidence["twin_case"]) == ("c3", "c1")
    assert finding.severity is Severity.WARNING
    assert "(train, test)" in finding.message
    same_person = [labels[0], facts(3, image_print=copy, subject_id="s1")]
    assert near_duplicates(same_person) == []
    exact_copy = [labels[0], facts(3, image_print=plain, image_sha256="i1")]
    assert near_duplicates(exact_copy) == []  # said by `duplicates`
    assert near_duplicates([]) == near_duplicates([facts(1)]) == []


def test_what_all_images_share_does_not_make_them_alike() -> None:
    rng = np.random.default_rng(0)
    chest = picture(1)
    prints = [
        image_print((chest + rng.normal(0, 12, chest.shape)).astype(np.float32)) for _ in range(10)
    ]
    labels = [facts(n, image_print=text) for n, text in enumerate(prints)]
    assert near_duplicates(labels) == []
    assert len(near_duplicates(labels[:7])) > 0  # fewer images do not tell what is shared


def test_many_images_go_in_blocks() -> None:
    rng = np.random.default_rng(0)
    prints = [image_print(rng.random((1, 32, 32)).astype(np.float32)) for _ in range(1100)]
    labels = [facts(n, image_print=text) for n, text in enumerate(prints)]
    assert near_duplicates(labels) == []
    twin = facts(5000, image_print=prints[7], image_sha256="another")
    (finding,) = near_duplicates([*labels, twin])
    assert {finding.case_id, finding.evidence["twin_case"]} == {"c5000", "c7"}


def test_a_structure_that_no_case_has() -> None:
    empty = [facts(n, structure="gallbladder", n_voxels=0) for n in range(3)]
    (finding,) = unused_structure([*empty, facts(1), facts(2)])
    assert (finding.structure, finding.evidence["n"]) == ("gallbladder", 3)
    assert unused_structure([*empty, facts(5, structure="gallbladder")]) == []
    assert unused_structure(empty[:1]) == []
