"""A judge's documents are read strictly, whatever is in them, and written whole."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segassay.errors import ModelError
from segassay.images.slicing import Sampling
from segassay.judge.documents.corrections import (
    AdapterFile,
    CalibrationFile,
    TypicalFile,
    UnfamiliarFile,
)
from segassay.judge.documents.description import (
    FORMAT,
    JudgeKind,
    JudgeMeta,
    SamplingSettings,
    SentinelSettings,
    SliceSettings,
)
from segassay.judge.documents.judge_folder import open_judge, write_document
from segassay.judge.documents.strict_reading import parse_document
from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.judge.inputs.sentinel_input import preprocess_json

WEIGHTS = Path(__file__).parents[3] / "weights"
SHIPPED = sorted(path.parent for path in WEIGHTS.glob("*/meta.json"))
FIGURES = {"n": 40, "subjects": 9, "pearson": 0.9, "pearson_ci": [0.8, 0.95], "mae": None}
META: dict[str, Any] = {
    "format": FORMAT,
    "kind": "map",
    "model_id": "mine-20260101-00000000",
    "structures": ["liver", "spleen"],
    "preprocess": JudgePreprocess().as_json(),
    "sampling": {"inside": 10, "beyond": [0.15, 0.5]},
    "evidence": {
        "liver": {"labels": 16, "subjects": 2, "modalities": ["ct"], "untouched": 0.9},
        "spleen": {"labels": 3, "subjects": 1, "modalities": [], "untouched": None},
    },
    "training_voxels": ["00ff"],
    "training_images": [],
    "training_subjects": {"set": {"train": ["a"], "tuning": ["b"]}},
    "recipe": {"data": [{"name": "set", "modality": "ct", "weight": 2.0}], "echo": 2},
    "started_from": None,
    "pairs_seen": 100,
    "minutes_trained": 1.5,
    "device": "cpu",
    "parameters": 10,
    "tuning": {"labels": 12, "mae": 0.1},
    "learning": {"minutes": 1.0, "updates": 3, "pairs": 64},
    "adaptation": {
        "by": "fit",
        "base": "judge-small",
        "source": "mine",
        "on": "own predictions",
        "labels": 40,
        "subjects": 9,
        "corrected": True,
        "evidence": {"liver": {"labels": 40, "subjects": 9}},
        "unadapted": FIGURES,
        "fitted": None,
        "light": FIGURES,
        "full": {
            "minutes": 1.0,
            "updates": 3,
            "pairs": 64,
            "kept": True,
            "learned_from": 8,
            "held_out": 1,
            "mae": {"unadapted": 0.2, "light": 0.1, "full": 0.05},
            "pearson": {"unadapted": 0.2, "light": 0.1, "full": 0.05},
        },
        "compared_with": 0,
        "minutes": None,
        "known_before": 0,
    },
    "learned": None,
    "imported": {"weights": {"file": "a.pth", "sha256": "00"}},
}
OPEN = ("recipe", "evidence", "training_subjects", "tuning", "imported")
"""Whose keys are names of something, or a record of a recipe."""


def parsed(meta: Any) -> JudgeMeta:
    return parse_document(json.dumps(meta).encode(), JudgeMeta, "mine", "meta.json")


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested mappings and lists, the outermost left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield (*at, key)
        if isinstance(item, dict | list):
            yield from places(item, (*at, key))


def changed(place: tuple[Any, ...], value: Any) -> Any:
    meta = deepcopy(META)
    holder = meta
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return meta


def mappings() -> list[tuple[Any, ...]]:
    """Every mapping whose keys are those of a document."""
    found: list[tuple[Any, ...]] = [()]
    for place in places(META):
        holder: Any = META
        for key in place:
            holder = holder[key]
        if isinstance(holder, dict) and len(holder) > 1 and place[0] != "recipe":
            found.append(place)
    fields = ("evidence", "set", "unadapted", "light", "mae", "pearson", *OPEN)
    return [place for place in found if not place or place[-1] not in fields]


def test_a_description_comes_back(tmp_path: Path) -> None:
    meta = parsed(META)
    write_document(tmp_path / "meta.json", meta)
    first = (tmp_path / "meta.json").read_bytes()
    again = parse_document(first, JudgeMeta, "mine", "meta.json")
    assert again == meta
    write_document(tmp_path / "meta.json", again)
    assert (tmp_path / "meta.json").read_bytes() == first
    assert meta.recipe is not None
    assert meta.recipe.data[0].model_dump()["weight"] == 2.0, "what only a recipe knows is kept"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_judges_say_everything(path: Path) -> None:
    written = json.loads((path / "meta.json").read_text(encoding="utf-8"))
    assert written["format"] == FORMAT
    assert set(JudgeMeta.model_fields) - set(written) <= {"context"}, "of judges that read any"
    assert set(written) <= set(JudgeMeta.model_fields)
    assert set(written["preprocess"]) == set(SliceSettings.model_fields)
    assert open_judge(path).meta.sampling is not None


def test_settings_in_code_and_on_the_disk_are_the_same() -> None:
    assert set(JudgePreprocess().as_json()) == set(SliceSettings.model_fields)
    assert SliceSettings.model_validate(JudgePreprocess().as_json())
    assert set(preprocess_json()) == set(SentinelSettings.model_fields)
    for window in (True, False):
        assert SentinelSettings.model_validate(preprocess_json(window=window))
    assert set(Sampling.__dataclass_fields__) == set(SamplingSettings.model_fields)


@pytest.mark.parametrize("place", mappings(), ids=lambda place: ".".join(map(str, place)) or "meta")
def test_an_unknown_key_is_refused_by_name(place: tuple[Any, ...]) -> None:
    with pytest.raises(ModelError, match=r"^mine: meta\.json: .*unheard_of") as refused:
        parsed(changed((*place, "unheard_of"), 1))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("place", mappings(), ids=lambda place: ".".join(map(str, place)) or "meta")
def test_a_missing_key_is_refused_by_name(place: tuple[Any, ...]) -> None:
    holder: Any = META
    for key in place:
        holder = holder[key]
    for missing in holder:
        if missing in ("format", "margin_px") or place[-1:] == ("adaptation",):
            continue
        meta = deepcopy(META)
        inner: Any = meta
        for key in place:
            inner = inner[key]
        del inner[missing]
        with pytest.raises(ModelError, match=rf"^mine: meta\.json: .*{missing}"):
            parsed(meta)


@pytest.mark.parametrize("version", [0, 3, 2.5, "2", True, None, 10**30, [2]])
def test_another_format_is_refused(version: Any) -> None:
    with pytest.raises(ModelError, match=r"^mine: meta\.json: .*format"):
        parsed({**META, "format": version})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("training_voxels",), 7),
        (("evidence",), {"liver": 3}),
        (("evidence", "liver", "labels"), -1),
        (("evidence", "liver", "labels"), 10**400),
        (("evidence", "liver", "untouched"), float("nan")),
        (("evidence", "liver", "modalities"), ["cat"]),
        (("preprocess", "crop_px"), 10**9),
        (("preprocess", "clip"), float("inf")),
        (("preprocess", "hu_rule"), 2),
        (("preprocess", "tells_nameless"), 1),
        (("preprocess",), preprocess_json()),
        (("sampling",), None),
        (("kind",), "quality_sentinel"),
        (("kind",), "halves"),
        (("kind",), "oracle"),
        (("learned",), [[], []]),
        (("adaptation", "on"), "hearsay"),
        (("model_id",), ""),
    ],
)
def test_impossible_values_are_refused_by_name(place: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(ModelError, match=r"^mine: meta\.json: ") as refused:
        parsed(changed(place, value))
    assert str(place[-1]) in str(refused.value) or place[-1] == "kind"
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "content",
    [
        *(b"[]", b"null", b"", b"7", b"\xff\xfe", b"{", b'{"format": 2', b'"\\ud800"'),
        *(b"[" * 100_000, b'{"format":' * 100_000, b"9" * 100_000, b'{"format": 1}'),
        b'{"format": 2, "kind": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"format": 1, "evidence": [1], "preprocess": 3, "gold": []}',
    ],
)
@pytest.mark.parametrize(
    "document", [JudgeMeta, CalibrationFile, AdapterFile, TypicalFile, UnfamiliarFile]
)
def test_what_is_no_document_is_one_line(content: bytes, document: Any) -> None:
    with pytest.raises(ModelError, match=r"^mine: file\.json: ") as refused:
        parse_document(content, document, "mine", "file.json")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@pytest.mark.slow
@settings(deadline=None)
@given(place=st.sampled_from(list(places(META))), value=_JSON, first=st.booleans())
def test_any_value_anywhere_is_read_or_refused(
    place: tuple[Any, ...], value: Any, first: bool
) -> None:
    meta = changed(place, value)
    if first:
        meta["format"] = 1
    with suppress(ModelError):
        parsed(meta)


@pytest.mark.parametrize(
    ("document", "good", "bad"),
    [
        (
            CalibrationFile,
            {"raw": [0, 1], "expected": [0, 1], "coefficients": [1, 2, 3], "below": 1, "above": 1},
            [{"raw": [1, 0]}, {"expected": [0]}, {"below": None}, {"coefficients": []}, {"x": 1}],
        ),
        (
            AdapterFile,
            {"intercept": 0, "slope": 1, "mean": [0], "scale": [1], "weights": [2]},
            [{"scale": [0]}, {"weights": []}, {"slope": "1"}, {"slope": float("nan")}],
        ),
        (
            TypicalFile,
            {
                "traits": ["size"],
                "typical": [{"structure": "a", "in_mm": True, "centre": [0], "spread": [1]}],
            },
            [{"traits": []}, {"typical": {}}, {"typical": [{"structure": "a"}]}],
        ),
    ],
)
def test_other_documents_are_checked_alike(
    document: Any, good: dict[str, Any], bad: list[dict[str, Any]]
) -> None:
    def read(data: dict[str, Any]) -> Any:
        return parse_document(json.dumps(data).encode(), document, "mine", "x.json")

    assert read(good)
    for change in bad:
        with pytest.raises(ModelError):
            read({**good, **change})


def format_1(folder: Path, **more: Any) -> dict[str, Any]:
    """The description of a shipped judge as version 0.1.0 wrote it at first."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    for key in ("largest_px", "largest_slice_px", "tells_nameless", "window_hu"):
        del meta["preprocess"][key]
    for key in ("hu_rule", "axis_rule", "frame_rule"):
        del meta["preprocess"][key]
    for counts in meta["evidence"].values():
        del counts["modalities"], counts["untouched"]
    kept = {key: value for key, value in meta.items() if value is not None}
    return {**kept, "format": 1, **more}


def test_a_judge_of_version_0_1_0_is_read_as_that_version_ran_it() -> None:
    shipped = WEIGHTS / "judge-v0"
    old = format_1(shipped)
    del old["sampling"], old["kind"], old["training_voxels"]
    assert parsed(old) == open_judge(shipped).meta
    with pytest.raises(ModelError, match="unheard_of"):
        parsed({**old, "unheard_of": 1})


def test_a_judge_that_0_1_0_fitted_keeps_what_it_was_fitted_to(tmp_path: Path) -> None:
    gold = {k: v for k, v in META["adaptation"].items() if k not in ("minutes", "known_before")}
    old = {**{k: v for k, v in META.items() if v is not None}, "format": 1, "gold": gold}
    del old["adaptation"], old["learning"]
    meta = parsed(old)
    assert meta.adaptation == parsed(META).adaptation
    assert meta.learning is None
    assert meta.kind is JudgeKind.MAP
    shutil.copytree(WEIGHTS / "judge-v0", tmp_path / "mine")
    write_document(tmp_path / "mine" / "meta.json", meta)
    assert json.loads((tmp_path / "mine" / "meta.json").read_text())["format"] == FORMAT
