"""What an audit says, in a form that nnU-Net understands without a change of its code.

nnU-Net takes no weights. It does take an ignore label (voxels that no loss counts; Gotkowski et
al., arXiv 2403.12834), and a `splits_final.json` in which a case that is named twice for training
is drawn twice as often.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case, Dataset
from segassay.datasets.read_case import read_labelled_case
from segassay.datasets.splits import natural_key
from segassay.errors import CaseError, ContentError, OutputError, UsageError
from segassay.files.atomic import write_whole
from segassay.files.strict_json import strict_json
from segassay.images.mask import Mask
from segassay.images.write_label import label_path, write_label
from segassay.segment.examples import Doubt, LabelWeights
from segassay.types import ExitCode, Modality, Say, counted

LABELS, SPLITS, DESCRIPTION = "labelsTr", "splits_final.json", "dataset.json"
BELOW = 0.5
"""Labels of a lower weight have their doubtful voxels ignored."""

_WRONG = 0.5
_FOLDS = 5
_CHANNELS = {Modality.CT: "CT", Modality.MR: "MRI"}


@dataclass(frozen=True, slots=True)
class NnunetLabels:
    """What was written.

    Attributes:
        out: The folder.
        n_cases: Cases with a label file.
        n_ignored: Of these, how many have voxels that are ignored.
        left_out: Ids of cases that no fold trains on, since their labels count next to nothing.
        failed: Ids of cases that could not be written, each with the reason.
    """

    out: Path
    n_cases: int
    n_ignored: int
    left_out: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def exit_code(self) -> ExitCode:
        """3 where a case failed, else 0."""
        return ExitCode.CASES_FAILED if self.failed else ExitCode.DONE


def write_nnunet_labels(
    dataset: Dataset,
    out: Path,
    *,
    weights: LabelWeights,
    doubt: Doubt | None,
    most: int = 3,
    say: Say,
) -> NnunetLabels:
    """Write labels with doubtful voxels ignored, `dataset.json` and `splits_final.json`.

    Images are not copied: put `imagesTr` of the original beside `labelsTr`, as a link or a copy.

    Args:
        dataset: Cases with labels of structures that do not overlap.
        out: Folder for an nnU-Net raw data set; must be new or empty.
        weights: What labels are trusted, by case and structure, in [0, 1]; others count 1.
        doubt: Tells which voxels may be wrong: in labels of a weight below 0.5 those that are wrong
            with a probability above 0.5 are ignored. `None` to ignore none of them.
        most: How often a case of full weight is named for training. One of weight w is named
            `round(most * w)` times, w the mean over its labels.
        say: Gets a line for every case that fails.

    Raises:
        UsageError: `out` holds something, `most` is below 1, or no case can be written.
        OutputError: It cannot be written.
    """
    dataset.require_labels()
    if most < 1:
        raise UsageError(f"{most} times for a case of full weight; expected 1 or more")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out.name}: is not empty; choose a new folder for nnU-Net's labels")
    values = _values(dataset)
    ignore = max(values.values()) + 1
    failed: list[tuple[str, str]] = []
    written: list[tuple[Case, Path]] = []
    n_ignored = 0
    try:
        (out / LABELS).mkdir(parents=True, exist_ok=True)
        for case in (case for case in dataset.cases if case.labels):
            path = label_path(out / LABELS / case.case_id, case.images[0])
            try:
                array = _label_map(case, values, ignore, weights, doubt)
                write_label(path, array, like=case.images[0], names={}, keep_header=False)
            except CaseError as error:
                failed.append((case.case_id, str(error)))
                say(f"{case.case_id}: {error}")
                continue
            n_ignored += bool((array == ignore).any())
            written.append((case, path))
        if not written:
            raise UsageError(f"{dataset.name}: no label can be used; the first: {failed[0][1]}")
        times = {case.case_id: _times(case, weights, most) for case, _ in written}
        folds = _folds([case for case, _ in written], times)
        _write(out / SPLITS, folds)
        _write(out / DESCRIPTION, _about(dataset, values, ignore, written))
    except OSError as error:
        raise OutputError.of(out, error) from error
    left_out = tuple(name for name, n in times.items() if not n)
    return NnunetLabels(out, len(written), n_ignored, left_out, tuple(failed))


def _values(dataset: Dataset) -> dict[str, int]:
    """Return a value for every structure: those that the data set declares, else from 1 on."""
    declared = {name: value for value, name in dataset.declared.items()}
    names = dataset.structures
    if all(declared.get(name, 0) > 0 for name in names):
        return {name: declared[name] for name in names}
    return {name: value for value, name in enumerate(names, start=1)}


def _label_map(
    case: Case,
    values: Mapping[str, int],
    ignore: int,
    weights: LabelWeights,
    doubt: Doubt | None,
) -> NDArray[np.uint16]:
    """Draw the labels of a case `(i, j, k)`; doubtful and unknown voxels are `ignore`."""
    opened = read_labelled_case(case)
    if opened.problems:
        raise opened.problems[0]
    masks = {ref.structure: mask for ref, mask in opened.masks()}
    array = np.zeros(opened.image.grid.shape, dtype=np.uint16)
    for name, mask in masks.items():
        part = array[mask.box]
        if (part[mask.inside] > 0).any():
            raise ContentError(f"{name}: overlaps another structure; nnU-Net needs one label map")
        part[mask.inside] = values[name]
    doubtful = _doubted(case, masks, weights)
    if doubt is not None and doubtful:
        for wrong in doubt(case, opened.image, doubtful).values():
            array[wrong > _WRONG] = ignore
    if opened.image.known is not None:
        array[~opened.image.known] = ignore
    return array


def _doubted(case: Case, masks: Mapping[str, Mask], weights: LabelWeights) -> dict[str, Mask]:
    return {
        name: mask for name, mask in masks.items() if weights.get((case.case_id, name), 1.0) < BELOW
    }


def _times(case: Case, weights: LabelWeights, most: int) -> int:
    """Return how often a case is named for training."""
    trusted = [weights.get((case.case_id, ref.structure), 1.0) for ref in case.labels]
    return int(most * fmean(trusted) + 0.5)


def _folds(cases: Sequence[Case], times: Mapping[str, int]) -> list[dict[str, list[str]]]:
    """Divide subjects into folds; cases validate once and train as often as they count."""
    subjects = sorted({case.subject_id for case in cases}, key=natural_key)
    drawn = np.random.default_rng(0).permutation(len(subjects))
    n_folds = min(_FOLDS, len(subjects))
    fold_of = {subjects[at]: number % n_folds for number, at in enumerate(drawn)}
    folds = []
    for fold in range(n_folds):
        train = list(_repeated([c for c in cases if fold_of[c.subject_id] != fold], times))
        val = [c.case_id for c in cases if fold_of[c.subject_id] == fold and times[c.case_id]]
        folds.append({"train": train, "val": val})
    return folds


def _repeated(cases: Sequence[Case], times: Mapping[str, int]) -> Iterator[str]:
    for case in cases:
        yield from [case.case_id] * times[case.case_id]


def _about(
    dataset: Dataset,
    values: Mapping[str, int],
    ignore: int,
    written: Sequence[tuple[Case, Path]],
) -> dict[str, object]:
    """Return nnU-Net's description: channels, values, number and ending of the label files."""
    first, path = written[0]
    original = dataset.root / DESCRIPTION
    channels: object = None
    if dataset.format == "nnunet" and original.is_file():
        channels = json.loads(original.read_text(encoding="utf-8")).get("channel_names")
    kind = _CHANNELS.get(first.modality, "image") if first.modality else "image"
    return {
        "channel_names": channels or {str(n): kind for n in range(len(first.images))},
        "labels": {"background": 0, **values, "ignore": ignore},
        "numTraining": len(written),
        "file_ending": path.name.removeprefix(first.case_id),
    }


def _write(path: Path, content: object) -> None:
    write_whole(path, strict_json(content, indent=1).encode() + b"\n")


def told(found: NnunetLabels) -> str:
    """Say in a line what was written."""
    left = f", {counted(len(found.left_out), 'case')} left out" if found.left_out else ""
    n = counted(found.n_cases, "label file")
    return f"{n}, {found.n_ignored} with ignored voxels{left}: {found.out}"
