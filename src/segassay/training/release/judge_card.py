"""The card of a judge: purpose, sources and their terms, and how well it does."""

from pathlib import Path

from segassay.judge.documents.description import JudgeKind, JudgeMeta
from segassay.judge.documents.judge_folder import write_checksums
from segassay.training.release.calibrate_judge import CalibrationResult
from segassay.training.release.terms import list_sources, say_terms
from segassay.types import Modality

_ANSWERS = {
    JudgeKind.MAP: "the mask that should be there",
    JudgeKind.CONTEXT: "the mask that should be there, which it draws with labels of other "
    "subjects of the same data set beside it where there are any (patches are compared by an "
    "encoder that began as EfficientNet-Lite0, trained on ImageNet, Apache-2.0)",
    JudgeKind.DIRECT: "one number for the slice, its Dice (after SegAE, arXiv 2601.14406)",
}

_IMAGES = {
    Modality.CT: "CT",
    Modality.MR: "MRI",
    Modality.XRAY: "X-ray",
    Modality.ULTRASOUND: "ultrasound",
    Modality.DERMOSCOPY: "dermoscopy",
    Modality.OTHER: "images of another kind",
}
_DEVICES = {"cpu": " on CPU", "cuda": " on a GPU", "mps": " on a GPU"}

_AND_NETWORKS = ", errors of segmenters"
_MET = "It met errors of some networks in training, not those of yours."
_NOT_MET = "Errors of real networks were not part of its training."


def write_card(folder: Path, meta: JudgeMeta, result: CalibrationResult) -> None:
    """Write `card.md` and renew the checksums."""
    (folder / "card.md").write_text(_card(meta, result), encoding="utf-8")
    write_checksums(folder)


def _card(meta: JudgeMeta, result: CalibrationResult) -> str:
    return f"""# {meta.model_id}

A judge of segmentation labels for research: it estimates the Dice of a label without ground truth.
Not a medical device. {say_terms(meta)}

{_what_it_is(meta)}

{_how_well(meta, result)}

{_learned_from(meta)}
"""


def _what_it_is(meta: JudgeMeta) -> str:
    start = f" Began with the weights of {meta.started_from}." if meta.started_from else ""
    recipe = meta.recipe
    if recipe is not None and (kept := recipe.keep_of_start):
        start += f" {kept:.0%} of these were kept, in the average with what it learned."
    device = _DEVICES.get(meta.device or "", "")
    return f"""## What it is

One network for 2D and 3D images. {_learned_kinds(meta)} It sees a crop around the mask with its
neighbour slices, the whole slice at low resolution, name, modality and scale, and answers with
{_ANSWERS[meta.kind]}. {(meta.parameters or 0) / 1e6:.2f} M parameters, trained with
{meta.pairs_seen} pairs of an image and a mask with a simulated error (every drawn pair is used
{1 if recipe is None else recipe.echo} times), those of the judge it began with included; the last
training took {meta.minutes_trained or 0:.0f} minutes{device}.{start}"""


def _learned_kinds(meta: JudgeMeta) -> str:
    """Say what kinds of images it learned from, as far as the recipe tells."""
    told = [entry.modality for entry in meta.sets]
    kinds = [_IMAGES[kind] for kind in dict.fromkeys(told) if kind is not None]
    if not kinds:
        return "The kind of images it learned from was not told in the recipe."
    more = "; of some data the kind was not told" if None in told else ""
    return f"It learned from {', '.join(kinds)}{more}."


def _how_well(meta: JudgeMeta, result: CalibrationResult) -> str:
    segmenters = meta.recipe is not None and bool(meta.recipe.segmenters)
    networks = segmenters or any(entry.predictions for entry in meta.sets)
    rows = "\n".join(
        f"| {name} | {n} | {pearson:.2f} | {mae:.3f} |"
        for name, (n, pearson, mae) in result.by_set.items()
    )
    return f"""## How well it does

On {result.n_labels} masks of {result.n_subjects} subjects kept from the weights, with simulated
errors{_AND_NETWORKS if segmenters else ""} and untouched ones, whole volumes: Pearson
{result.pearson:.3f}, mean absolute error {result.mae:.3f} (each subject judged by a calibration
made without it). 90 % intervals hold {result.of_subjects[0]:.0%} of a subject's masks at a mean
width of {result.of_subjects[1]:.2f}; {result.coverage:.0%} at {result.width:.2f} with every mask
counted once, where the few subjects with the most structures weigh most.

| set | masks | Pearson | MAE |
|---|---|---|---|
{rows}

These subjects come from the data sets it learned from. On other data sets, structures and kinds of
errors it does worse. {_MET if networks else _NOT_MET} It ranks labels for a person to
look at. Structures that were never tested in such images (`evidence` in `meta.json`) are judged
without their name; what scores are worth there says `unfamiliar.json`, where there is one."""


def _learned_from(meta: JudgeMeta) -> str:
    whole = sum(entry.whole for entry in meta.sets)
    but = f", but for {whole} that no judge is tested on," if whole else ""
    return f"""## What it learned from

{list_sources(meta)}

The last fifth of the subjects of every set with at least eight subjects{but} were never opened."""
