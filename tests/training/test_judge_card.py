"""What a judge's card says of data, terms, images and devices: what its recipe told, no more."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segassay.fit.gold_card import gold_card
from segassay.judge.documents.description import (
    Adaptation,
    Counts,
    Figures,
    JudgeKind,
    JudgeMeta,
    MeasuredOn,
)
from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.training.release.calibrate_judge import CalibrationResult
from segassay.training.release.judge_card import write_card
from segassay.training.release.terms import list_sources, say_terms
from segassay.training.settings import read_recipe

SOURCE = Path(__file__).parents[2] / "src" / "segassay"
RECIPES = Path(__file__).parents[2] / "recipes"

RESULT = CalibrationResult(
    n_labels=12,
    n_subjects=3,
    pearson=0.5,
    mae=0.25,
    coverage=0.9,
    width=0.4,
    of_subjects=(0.9, 0.4),
    by_set={"mine": (12, 0.5, 0.25)},
)


def meta(*entries: dict[str, Any], segmenters: Any = None, **more: Any) -> JudgeMeta:
    return JudgeMeta.of(
        model_id="mine-20260101-00000000",
        kind=JudgeKind.MAP,
        structures=(),
        preprocess=JudgePreprocess().as_json(),
        sampling={"inside": 10, "beyond": (0.15,)},
        evidence={},
        training_voxels=(),
        training_images=(),
        training_subjects={},
        recipe={"data": list(entries), "echo": 2, "segmenters": segmenters},
        parameters=1_000_000,
        pairs_seen=100,
        minutes_trained=3.0,
        **more,
    )


def entry(name: str, licence: str | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": name, "licence": licence, **more}


def card(folder: Path, about: JudgeMeta) -> str:
    for name in ("judge.onnx", "meta.json", "calibration.json"):
        (folder / name).write_text("{}")
    write_card(folder, about, RESULT)
    assert "card.md" in (folder / "SHA256SUMS").read_text("utf-8")
    return (folder / "card.md").read_text("utf-8")


def of_recipe(name: str) -> JudgeMeta:
    return meta(*(one.model_dump(mode="json") for one in read_recipe(RECIPES / name).data))


def test_a_users_judge_claims_nothing_that_was_not_told(tmp_path: Path) -> None:
    text = card(tmp_path, meta(entry("mine", modality=None)))
    for word in ("non-commercial", "commercially", "CC-BY", "CT", "MRI", "X-ray", "CPU", "GPU"):
        assert word not in text
    assert "mine: source unknown, licence unknown" in text
    assert "mine" in say_terms(meta(entry("mine")))


def test_what_was_told_is_said(tmp_path: Path) -> None:
    mine = entry("mine", "CC-BY 4.0", modality="ultrasound", source="our clinic")
    text = card(tmp_path, meta(mine, device="cuda"))
    assert "our clinic" in text
    assert "CC-BY-4.0" in text
    assert "learned from ultrasound." in text
    assert "on a GPU" in text
    assert "on CPU" in card(tmp_path, meta(mine, device="cpu"))


@pytest.mark.parametrize(
    ("licences", "said", "not_said"),
    [
        (["CC0-1.0"], ["commercially"], ["credit", "not told", "only"]),
        (["CC-BY-4.0", "CC0"], ["commercially", "CC-BY-4.0"], ["under CC", "only"]),
        (["CC-BY-SA 4.0", "MIT"], ["commercially", "under CC-BY-SA-4.0", "MIT"], ["only"]),
        (["CC-BY-NC-SA-4.0", "CC0"], ["only", "set0"], ["commercially,", "set1"]),
        (["research only", "CC0"], ["only", "set0"], ["commercially,", "set1"]),
        (["Non-commercial"], ["only"], ["commercially,"]),
        ([None, "CC0"], ["set0", "not told"], ["commercially,", "only", "set1"]),
        ([None, "research-only"], ["set0", "not told", "only", "set1"], ["commercially,"]),
        (["CC-BY-ND-4.0"], ["set0", "below"], ["commercially,", "only"]),
        (["ask the ethics board"], ["set0", "below"], ["commercially,", "only"]),
        (["Apache-2.0", None, "in-house"], ["set1", "set2"], ["commercially,", "set0"]),
    ],
)
def test_terms_follow_from_the_licences(
    licences: list[str | None], said: list[str], not_said: list[str]
) -> None:
    text = say_terms(meta(*(entry(f"set{n}", one) for n, one in enumerate(licences))))
    assert [word for word in said if word not in text] == []
    assert [word for word in not_said if word in text] == []


def test_the_terms_of_the_start_hold_on() -> None:
    text = say_terms(meta(entry("mine", "CC0-1.0"), started_from="other-1"))
    assert "other-1" in text


def test_planes_of_one_set_are_one_set() -> None:
    about = meta(
        {"name": "a_coronal", "path": "a", "licence": None, "plane": "coronal"},
        {"name": "a", "path": "a", "licence": "CC0-1.0"},
        {"name": "b", "images": "b", "labels": "l1", "licence": "CC0-1.0"},
        {"name": "c", "images": "b", "labels": "l2", "licence": "CC0-1.0"},
    )
    assert len(list_sources(about).splitlines()) == 3
    assert "not told" not in say_terms(about)


def test_our_recipes_tell_licences_and_sources() -> None:
    assert "CC-BY-SA-4.0" in say_terms(of_recipe("judge-open.yaml"))
    assert "commercially," in say_terms(of_recipe("judge-open.yaml"))
    assert "only" in say_terms(of_recipe("judge-small.yaml"))
    for name in ("judge-small.yaml", "judge-v0.yaml", "judge-base.yaml", "unseen-network.yaml"):
        lines = list_sources(of_recipe(name)).splitlines()
        assert [line for line in lines if "source unknown" in line] == []
        unknown = [line for line in lines if "licence unknown" in line]
        assert all(line.startswith("- proton_lung") for line in unknown)


def test_a_single_subject_and_networks_errors(tmp_path: Path) -> None:
    about = meta(entry("mine"), segmenters={"folds": 2})
    assert "errors of segmenters" in card(tmp_path, about)
    assert "errors of segmenters" not in card(tmp_path, meta(entry("mine")))
    write_card(tmp_path, about, replace(RESULT, by_set={}))


def test_a_fitted_judges_card_names_the_labels_whose_terms_hold() -> None:
    figures: Figures = {"n": 4, "subjects": 2, "pearson": 0.5, "spearman": None, "mae": 0.1}
    figures |= {"interval_coverage": None, "interval_width": None}
    gold = Adaptation(
        by="fit",
        base="judge-small-1",
        source="my labels",
        on=MeasuredOn.SYNTHETIC,
        labels=4,
        subjects=2,
        unadapted=figures,
        fitted=figures,
        corrected=False,
        evidence={"liver": Counts(labels=4, subjects=2)},
    )
    text = gold_card("mine-1", gold, "# judge-small-1\n\nTerms of the start.\n")
    first = text.split("## Card of")[0]
    assert "my labels" in first
    assert "not told" in first
    assert "Terms of the start." in text
    assert "| liver | 4 | 2 |" in text


def test_no_name_of_a_data_set_of_ours_is_in_the_package() -> None:
    ours = {one.name for one in of_recipe("judge-small.yaml").sets}
    # names of public data sets that readers and vocabularies know for everybody
    verbs = ("auditing", "demo", "evaluation", "fit", "fix", "models", "pairs", "runs", "training")
    files = [path for verb in verbs for path in (SOURCE / verb).rglob("*.py")]
    assert files
    text = "".join(path.read_text("utf-8") for path in files)
    assert sorted(name for name in ours if f'"{name}"' in text) == []
