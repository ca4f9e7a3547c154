"""Judges made by version 0.1.0: what it took for granted where their description says nothing.

`meta.json` had the format 1 there, without the settings that stood in the code only. Whoever fitted
a judge keeps it: it is read with these values, and its scores stay what they were.
"""

from typing import Any

_SLICES = {
    "largest_px": 400,
    "largest_slice_px": 260,
    "tells_nameless": True,
    "window_hu": [-200.0, 300.0],
    "hu_rule": 1,
    "axis_rule": 1,
    "frame_rule": 1,
}
_SENTINEL = {"soft_window_hu": [-200.0, 300.0], "hu_rule": 1, "axis_rule": 1}
_SAMPLING = {"inside": 10, "beyond": [0.15]}
_EVIDENCE: dict[str, Any] = {"modalities": [], "untouched": None}
_ADAPTATION = {
    "light": None,
    "full": None,
    "compared_with": 0,
    "minutes": None,
    "known_before": 0,
}
_ABSENT = (
    *("started_from", "pairs_seen", "minutes_trained", "device", "parameters", "recipe", "tuning"),
    *("learned", "imported"),
)


def upgraded(meta: dict[str, Any]) -> dict[str, Any]:
    """Return a description of format 1 in format 2; what is wrong with it stays wrong."""
    kind = meta.get("kind", "map")
    of_slices = kind != "quality_sentinel"
    renamed = {"gold": "adaptation", "adapted": "learning"}
    kept = {key: value for key, value in meta.items() if key not in renamed}
    evidence = meta.get("evidence")
    if isinstance(evidence, dict):
        kept["evidence"] = {name: _filled(_EVIDENCE, own) for name, own in evidence.items()}
    if "preprocess" in meta:
        kept["preprocess"] = _filled(_SLICES if of_slices else _SENTINEL, meta["preprocess"])
    return {
        **dict.fromkeys(_ABSENT),
        "training_voxels": [],
        "training_images": [],
        "training_subjects": {},
        "sampling": _SAMPLING if of_slices else None,
        **kept,
        "kind": kind,
        "format": 2,
        "learning": meta.get("adapted"),
        "adaptation": _filled(_ADAPTATION, meta.get("gold")),
    }


def _filled(defaults: dict[str, Any], given: Any) -> Any:
    return {**defaults, **given} if isinstance(given, dict) else given
