"""The card of a judge: purpose, sources and their terms, and how well it does."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from segassay.models.folder import write_checksums
from segassay.pipelines.calibrate_judge import CalibrationResult

_SOURCES = {
    "btcv": "BTCV / Synapse multi-organ CT, research use",
    "acdc": "ACDC 2017 cardiac MRI, research use",
    "hippocampus": "Medical Segmentation Decathlon Task04, CC-BY-SA 4.0",
    "left_atrium": "2018 Atrial Segmentation Challenge, research use",
    "chaos_t2": "CHAOS abdominal MRI, CC-BY-NC-SA 4.0",
    "jsrt": "JSRT with SCR annotations, free for research",
    "hc18": "HC18 fetal head ultrasound, CC-BY 4.0",
    "ph2": "PH2 dermoscopy, research use",
    "busi": "BUSI breast ultrasound, CC0",
    "isic2016": "ISIC 2016 dermoscopy, CC0",
    "covid_cxr": "COVID chest X-ray, CC-BY 4.0",
    "oasis": "Mindboggle-101 / OASIS, CC-BY-NC family",
    "proton_lung": "public proton lung MRI example, see its repository",
    "totalsegmentator": "TotalSegmentator sample s0001, labels of a model, Apache-2.0",
    "ct_slices": "CT slices with TotalSegmentator labels, Apache-2.0 repository",
}

_OPEN = frozenset(
    {
        *("hippocampus", "hc18", "busi", "isic2016", "covid_cxr"),
        *("totalsegmentator", "totalsegmentator_coronal", "ct_slices"),
    }
)
"""Sets under CC0, CC-BY, CC-BY-SA or Apache-2.0."""

_ANSWERS = {
    "map": "the mask that should be there",
    "direct": "one number for the slice, its Dice (after SegAE, arXiv 2601.14406)",
}

_AND_NETWORKS = ", errors of segmenters"
_MET = "It met errors of small segmenters in training, not those of your network."
_NOT_MET = "Errors of real networks were not part of its training."


def write_card(folder: Path, meta: dict[str, Any], result: CalibrationResult) -> None:
    """Write `card.md` and renew the checksums."""
    (folder / "card.md").write_text(_card(meta, result))
    write_checksums(folder)


def _card(meta: dict[str, Any], result: CalibrationResult) -> str:
    return f"""# {meta["model_id"]}

A judge of segmentation labels for research: it tells the expected Dice of a label, without ground
truth. Not a medical device. {terms(entry["name"] for entry in meta["recipe"]["data"])}

{_what_it_is(meta)}

{_how_well(meta, result)}

{_learned_from(meta)}
"""


def terms(sets: Iterable[str]) -> str:
    """Say under which terms weights stand that learned from these sets."""
    if set(sets) <= _OPEN:
        return (
            "All data below may be\nused commercially, too, and so may these weights, with credit "
            "and under the same licence:\nCC-BY-SA 4.0, the strictest of its terms."
        )
    return (
        "Because part of the data below is for research or non-commercial use\n"
        "only, so are these weights."
    )


def _what_it_is(meta: dict[str, Any]) -> str:
    start = f" Began with the weights of {meta['started_from']}." if "started_from" in meta else ""
    if kept := meta["recipe"].get("keep_of_start"):
        start += f" {kept:.0%} of these were kept, in the average with what it learned."
    return f"""## What it is

One network for 2D and 3D, CT, MRI, X-ray, ultrasound and dermoscopy. It sees a crop around the
mask with its neighbour slices, the whole slice at low resolution, name, modality and scale, and
answers with {_ANSWERS[meta["kind"]]}. {meta["parameters"] / 1e6:.2f} M parameters, trained
with {meta["pairs_seen"]} shown pairs of image and faulty mask (every drawn pair is shown
{meta["recipe"]["echo"]} times), what it began with included; the last training took
{meta["minutes_trained"]:.0f} minutes on CPU.{start}"""


def _how_well(meta: dict[str, Any], result: CalibrationResult) -> str:
    networks = bool(meta["recipe"].get("segmenters"))
    rows = "\n".join(
        f"| {name} | {n} | {pearson:.2f} | {mae:.3f} |"
        for name, (n, pearson, mae) in result.by_set.items()
    )
    return f"""## How well it does

On {result.n_labels} masks of {result.n_subjects} subjects kept from the weights, with planted
faults{_AND_NETWORKS if networks else ""} and untouched ones, whole volumes: Pearson
{result.pearson:.3f}, mean absolute error {result.mae:.3f} (each subject judged by a calibration
made without it). 90 % intervals hold {result.of_subjects[0]:.0%} of a subject's masks at a mean
width of {result.of_subjects[1]:.2f}; {result.coverage:.0%} at {result.width:.2f} with every mask
counted once, where the few subjects with the most structures weigh most.

| set | masks | Pearson | MAE |
|---|---|---|---|
{rows}

These subjects come from the data sets it learned from. On other data sets, structures and kinds of
faults it does worse. {_MET if networks else _NOT_MET} It ranks labels for a person to
look at. Structures that were never tested in such images (`evidence` in `meta.json`) are judged
without their name; what scores are worth there says `unfamiliar.json`, where there is one."""


def _learned_from(meta: dict[str, Any]) -> str:
    data = meta["recipe"]["data"]
    names = [entry["name"] for entry in data if entry.get("plane", "usual") == "usual"]
    sources = "\n".join(f"- {name}: {_SOURCES.get(name, 'unknown')}" for name in names)
    return f"""## What it learned from

{sources}

The last fifth of the subjects of every set with at least eight subjects were never opened."""
