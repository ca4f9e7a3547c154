"""`segassay weak`: labels for images that have none, from a few reference cases. Resumes.

coarse/         the coarse models
reference/      candidates of the reference labels, with their true Dice
labels/         the weak labels, a folder for each structure
candidates/     where they are kept, all candidates by kind, each as `labels`
provenance/     of every image: all candidates, what was chosen, how good it is, why others are not
weights.csv     what each label counts in training
preview/        candidates side by side; `preview.html` shows them
weak.json       what was asked for, and by which models
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import file_sha256, read_labelled_case
from segassay.datasets.splits import by_lot
from segassay.errors import CaseError, DatasetError, MissingExtraError, OutputError, UsageError
from segassay.files.atomic import write_whole
from segassay.files.strict_json import strict_json
from segassay.images.io import read_image
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Mask
from segassay.images.write_label import label_path, write_label
from segassay.judge.documents.strict_reading import Document
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.judge.scoring.judge import Judge
from segassay.judge.scoring.query import AskedImage
from segassay.segment.recipe import SegmentationRecipe
from segassay.types import Engine, ExitCode, Modality, Progress, Say, counted, ignore_progress
from segassay.weak.candidates import (
    Candidate,
    Pictures,
    agreements,
    make_candidates,
    mask_dice,
    require_distinct_names,
)
from segassay.weak.coarse import CoarseModels, learnable, train_coarse
from segassay.weak.gate import (
    GUARANTEED_FROM,
    CandidateRow,
    Gate,
    LabelRow,
    ReferenceLabel,
    Status,
)
from segassay.weak.preview import Shown, draw_candidates, write_preview
from segassay.weak.promptable.protocol import PromptableSegmenter

if TYPE_CHECKING:
    from segassay.segment.train_segmenter import TrainedSegmenter

RECORD, WEIGHTS, LABELS, PROVENANCE = "weak.json", "weights.csv", "labels", "provenance"
COARSE, REFERENCE, MODEL, CANDIDATES = "coarse", "reference", "model", "candidates"

_PREVIEWED = 60
"""Images whose candidates are drawn side by side."""

Floats = NDArray[np.float32]


class CaseRecord(Document):
    """What became of one image.

    Attributes:
        case_id: Its id.
        subject: Whose it is.
        image_sha256: Checksum of its file.
        labels: Its structures; none of an image that is a reference case itself.
        reference: Whether it is one.
    """

    case_id: str
    subject: str
    image_sha256: str
    labels: tuple[LabelRow, ...] = ()
    reference: bool = False


@dataclass(frozen=True, slots=True)
class WeakSettings:
    """What is labelled, and by which coarse models.

    Attributes:
        recipe: Of each coarse model.
        parts: Parts of the reference subjects, see `train_coarse`.
        structures: Which to label; by default all that enough reference subjects have.
        threads: Cores to use; all that this process may use by default.
        engine: What runs the coarse models.
        keep_candidates: Whether all candidates are written, too, a folder for each kind.
    """

    recipe: SegmentationRecipe
    parts: int = 3
    structures: tuple[str, ...] = ()
    keep_candidates: bool = False
    threads: int | None = None
    engine: Engine = Engine.ONNX


@dataclass(frozen=True, slots=True)
class WeakResult:
    """What was made.

    Attributes:
        out: Its folder.
        n_images: Images without labels.
        n_before: Of these, how many an earlier run had finished.
        n_reference: Reference cases.
        statuses: How many labels were kept, repaired, rejected, or not found.
        failed: Ids of images that cannot be used, each with the reason.
        expected_dice: Mean of the labels that were kept or repaired; NaN without any.
    """

    out: Path
    n_images: int
    n_before: int
    n_reference: int
    statuses: dict[Status, int]
    failed: tuple[tuple[str, str], ...]
    expected_dice: float

    @property
    def exit_code(self) -> ExitCode:
        """3 where an image failed, else 0."""
        return ExitCode.CASES_FAILED if self.failed else ExitCode.DONE

    def to_json(self) -> dict[str, object]:
        """Return the summary printed with `--json`."""
        return {
            "out": self.out.name,
            "images": self.n_images,
            "before": self.n_before,
            "reference_cases": self.n_reference,
            "labels": {status.value: n for status, n in self.statuses.items()},
            "expected_dice": None if isnan(self.expected_dice) else round(self.expected_dice, 4),
            "failed": dict(self.failed),
            "exit_code": int(self.exit_code),
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Makers:
    """All that draws and judges candidates."""

    coarse: CoarseModels
    structures: tuple[str, ...]
    segmenters: tuple[PromptableSegmenter, ...]
    judge: Judge
    keep_candidates: bool

    def rows(
        self, case: Case, channels: list[Any], truth: dict[str, Mask] | None = None
    ) -> Iterator[tuple[LabelRow, list[Candidate], Pictures]]:
        """Draw every structure of an image and say what is known of the candidates.

        With `truth` only its structures, with their true Dice and models that have not seen them.
        """
        image = AskedImage(channels[0], case.modality, case.subject_id, self.judge.window_hu)
        pictures = Pictures.of(image)
        p_of = self.coarse(channels, None if truth is None else case.subject_id)
        for structure in self.structures if truth is None else truth:
            p = p_of.of(structure)
            drawn = make_candidates(image, pictures, p, structure, self.segmenters, self.judge)
            true = None if truth is None else truth[structure]
            rows = tuple(candidate_rows(image, structure, p, drawn, self.judge, true))
            yield LabelRow(structure=structure, candidates=rows), drawn, pictures


def make_weak_labels(
    images: Dataset,
    reference: Dataset,
    out: Path,
    how: WeakSettings,
    *,
    judge: Judge,
    segmenters: Sequence[PromptableSegmenter],
    progress: Progress = ignore_progress,
    say: Say,
) -> WeakResult:
    """Label images by what a few reference cases teach.

    Args:
        images: Images to label; their own labels, if any, are not looked at. Those that are
            reference cases are left out.
        reference: Cases whose labels are treated as truth.
        out: Folder of the results; a run that was interrupted there goes on.
        how: What is labelled, and by which coarse models.
        judge: Compares the candidates; one that reads the context is given the reference cases.
        segmenters: Promptable segmenters; there may be none.
        progress: Told of every image.
        say: Gets a line now and then.

    Raises:
        DatasetError: No structure has enough reference subjects.
        UsageError: `out` holds labels made in another way.
        OutputError: `out` cannot be written.
    """
    require_distinct_names([one.name for one in segmenters])
    names = learnable(reference)
    missing = [one for one in how.structures if one not in names]
    if missing:
        raise UsageError(
            f"{reference.name}: {missing[0]!r} cannot be learned; there are {', '.join(names)}"
        )
    names = tuple(how.structures) or names
    say(f"{reference.name}: {counted(len(reference.subjects), 'reference subject')}")
    _begin(out, reference, names, how, judge, segmenters)
    coarse = train_coarse(
        reference,
        names,
        how.recipe,
        out / COARSE,
        parts=how.parts,
        threads=how.threads,
        engine=how.engine,
        say=say,
    )
    if isinstance(judge, ContextJudge):
        memory = judge.reader.gather(reference.cases, structures=names, trusted=True)
        judge = judge.with_reference(memory)
    makers = _Makers(coarse, names, tuple(segmenters), judge, how.keep_candidates)
    gate = Gate.learn(list(_reference_labels(reference, makers, out, progress, say)))
    if gate.subjects < GUARANTEED_FROM:
        n = counted(gate.subjects, "reference subject")
        say(f"{n}: with fewer than {GUARANTEED_FROM} nothing guarantees that intervals hold")
    return _label(images, reference, makers, gate, out, progress)


def open_reference(
    gold: Path,
    images: Path,
    *,
    structure: str | None = None,
    subject_regex: str | None = None,
    modality: Modality | None = None,
) -> Dataset:
    """Open the reference cases: a data set, or a folder of labels of some of the images.

    Args:
        gold: The one or the other.
        images: Where the images of such labels lie.
        structure: What the label files of a folder hold, if it is one structure.
        subject_regex: Its first group is the subject in a case id.
        modality: Kind of the images where the data set does not tell it.

    Raises:
        DatasetError: It is neither.
    """
    try:
        found = open_dataset(gold, subject_regex=subject_regex, modality=modality)
        found.require_labels()
    except DatasetError as error:
        try:
            found = open_dataset(
                images=images,
                labels=gold,
                structure=structure,
                subject_regex=subject_regex,
                modality=modality,
            )
            found.require_labels()
        except DatasetError:
            raise error from None  # what was tried first is what most people mean
    return replace(found, cases=tuple(case for case in found.cases if case.labels))


def train_on_weak_labels(
    images: Dataset, reference: Dataset, out: Path, how: WeakSettings, *, say: Say
) -> "TrainedSegmenter":
    """Train a segmenter on reference labels and on weak ones by their weights, in `out / MODEL`.

    Reference subjects alone choose its best weights. Resumes.

    Raises:
        DatasetError: Nothing can be learned.
    """
    from segassay.segment.train_segmenter import train_segmenter

    names = how.structures or learnable(reference)
    both, weights = weak_dataset(out, images, reference)
    validating = {case.subject_id for case in reference.cases if case.labels}
    return train_segmenter(
        both,
        how.recipe,
        out / MODEL,
        weights=weights,
        structures=names,
        validating=validating,
        say=say,
    )


def candidate_rows(
    image: AskedImage,
    structure: str,
    p: Floats,
    drawn: Sequence[Candidate],
    judge: Judge,
    true: Mask | None,
) -> Iterator[CandidateRow]:
    """Say what is known of the candidates of one structure."""
    if not drawn:
        return
    masks = [one.mask for one in drawn]
    asked = judge.asked(
        image,
        [(structure, mask) for mask in masks],
        modality=image.modality,
        subject=image.subject,
    )
    scores = judge.scores(asked)
    for one, score, agreement in zip(drawn, scores, agreements(masks), strict=True):
        planes = one.mask.as_planes(image.stack.axis)
        both = 2 * float(p[planes.box][planes.inside].sum()) if planes else 0.0
        yield CandidateRow(
            name=one.name,
            score=_finite(score.value),
            context=_finite(score.context_dice),
            agreement=_finite(agreement),
            stability=_finite(one.stability),
            confidence=both / max(float(p.sum()) + one.mask.n_voxels, 1e-6),
            share=one.mask.n_voxels / p.size,
            dice=None if true is None else mask_dice(one.mask, true),
        )


def weak_dataset(
    out: Path, images: Dataset, reference: Dataset
) -> tuple[Dataset, dict[Any, float]]:
    """Return reference and weak cases together, and what each weak label counts.

    The ids of weak cases that a reference case has, too, end in `_weak`.
    """
    taken = {case.case_id for case in reference.cases}
    weights: dict[Any, float] = {}
    cases = list(reference.cases)
    for case in images.cases:
        record = read_record(out, case)
        if record is None:
            continue
        good = [row for row in record.labels if row.chosen]
        if not good:
            continue
        name = f"{case.case_id}_weak" if case.case_id in taken else case.case_id
        refs = tuple(
            LabelRef(row.structure, weak_path(out, row.structure, case), source="weak")
            for row in good
        )
        weights |= {(name, row.structure): row.p_good for row in good}
        cases.append(replace(case, case_id=name, labels=refs))
    return replace(reference, cases=tuple(cases), name=f"{reference.name} and weak labels"), weights


def weak_path(out: Path, structure: str, case: Case) -> Path:
    """Return where the weak label of a structure lies."""
    return label_path(out / LABELS / structure / case.case_id, case.images[0])


def candidate_path(out: Path, name: str, structure: str, case: Case) -> Path:
    """Return where a candidate of some kind lies, if candidates are kept."""
    folder = out / CANDIDATES / name.replace(":", "-") / structure
    return label_path(folder / case.case_id, case.images[0])


def read_record(out: Path, case: Case) -> CaseRecord | None:
    """Return what became of an image; `None` where nothing did yet."""
    path = out / PROVENANCE / f"{case.case_id}.json"
    try:
        return CaseRecord.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def _begin(
    out: Path,
    reference: Dataset,
    structures: Sequence[str],
    how: WeakSettings,
    judge: Judge,
    segmenters: Sequence[PromptableSegmenter],
) -> None:
    """Note how labels are made here, unless they were made in another way before."""
    asked = {
        "reference": {
            case.case_id: file_sha256(case.images[0]) for case in reference.cases if case.labels
        },
        "structures": list(structures),
        "recipe": how.recipe.model_dump(mode="json"),
        "parts": how.parts,
        "judge": judge.model_id,
        "segmenters": [one.name for one in segmenters],
    }
    record = out / RECORD
    try:
        out.mkdir(parents=True, exist_ok=True)
        if record.exists():
            before = json.loads(record.read_bytes())
            differs = [name for name, value in asked.items() if before.get(name) != value]
            if differs:
                raise UsageError(
                    f"{out.name}: labels were made there with another {differs[0]}; "
                    "choose another folder"
                )
        write_whole(record, strict_json(asked, indent=1).encode() + b"\n")
    except ValueError as error:
        raise UsageError(f"{out.name}: {RECORD} cannot be read; choose another folder") from error
    except OSError as error:
        raise OutputError.of(out, error) from error


def _reference_labels(
    reference: Dataset, makers: _Makers, out: Path, progress: Progress, say: Say
) -> Iterator[ReferenceLabel]:
    """Yield candidates of all reference labels; those that an earlier run made are read."""
    cases = [case for case in reference.cases if case.labels]
    progress("reference cases", 0, len(cases), "")
    for number, case in enumerate(cases, start=1):
        path = out / REFERENCE / f"{case.case_id}.json"
        try:
            found = CaseRecord.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            try:
                found = _reference_record(case, makers)
            except CaseError as error:
                say(f"{case.case_id}: {error}")
                continue
            _write(path, found)
        yield from (ReferenceLabel(case.subject_id, label) for label in found.labels)
        progress("reference cases", number, len(cases), case.case_id)


def _reference_record(case: Case, makers: _Makers) -> CaseRecord:
    read = read_labelled_case(case)
    truth = {
        ref.structure: mask
        for ref, mask in read.masks()
        if mask and ref.structure in makers.structures
    }
    channels = [read.image, *(read_image(path) for path in case.images[1:])]
    rows = tuple(row for row, _, _ in makers.rows(case, channels, truth))
    return CaseRecord(
        case_id=case.case_id,
        subject=case.subject_id,
        image_sha256=file_sha256(case.images[0]),
        labels=rows,
        reference=True,
    )


def _label(
    images: Dataset,
    reference: Dataset,
    makers: _Makers,
    gate: Gate,
    out: Path,
    progress: Progress,
) -> WeakResult:
    """Label all images and write what follows from all of them."""
    known = {file_sha256(case.images[0]) for case in reference.cases if case.labels}
    lot = [case.case_id for case in by_lot([_as_labelled(case) for case in images.cases])]
    previewed = set(lot[:_PREVIEWED])
    failed: list[tuple[str, str]] = []
    records: list[CaseRecord] = []
    n_before = 0
    progress("images", 0, len(images.cases), "")
    for number, case in enumerate(images.cases, start=1):
        found = read_record(out, case)
        if found is not None and _is_whole(out, case, found):
            n_before += 1
        else:
            try:
                found = _labelled(case, known, makers, gate, out, preview=case.case_id in previewed)
            except (CaseError, MissingExtraError) as error:
                failed.append((case.case_id, str(error)))
                found = None
        if found is not None:
            records.append(found)
        progress("images", number, len(images.cases), case.case_id)
    records = [one for one in records if not one.reference]
    _write_weights(out, records)
    write_preview(out, [Shown(one.case_id, row) for one in records for row in one.labels])
    good = [row for one in records for row in one.labels if row.chosen]
    expected = [row.expected_dice for row in good if row.expected_dice is not None]
    return WeakResult(
        out,
        len(records) + len(failed),
        n_before,
        sum(bool(case.labels) for case in reference.cases),
        dict(Counter(row.status for one in records for row in one.labels if row.status)),
        tuple(failed),
        float(np.mean(expected)) if expected else float("nan"),
    )


def _labelled(
    case: Case, known: set[str], makers: _Makers, gate: Gate, out: Path, *, preview: bool
) -> CaseRecord:
    """Label one image; its record is written last and makes it whole."""
    sha256 = file_sha256(case.images[0])
    record = CaseRecord(case_id=case.case_id, subject=case.subject_id, image_sha256=sha256)
    if sha256 in known:
        record = record.model_copy(update={"reference": True})
        _write(out / PROVENANCE / f"{case.case_id}.json", record)
        return record
    channels = [read_image(path) for path in case.images]
    labels = []
    for row, drawn, pictures in makers.rows(case, channels):
        label = gate(row)
        labels.append(label)
        path = weak_path(out, label.structure, case)
        if label.chosen:
            _put(path, next(one.mask for one in drawn if one.name == label.chosen), case)
        else:
            path.unlink(missing_ok=True)
        for one in drawn if makers.keep_candidates else ():
            _put(candidate_path(out, one.name, label.structure, case), one.mask, case)
        if preview and drawn:
            draw_candidates(out, case.case_id, label, drawn, pictures)
    record = record.model_copy(update={"labels": tuple(labels)})
    _write(out / PROVENANCE / f"{case.case_id}.json", record)
    return record


def _put(path: Path, mask: Mask, case: Case) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_label(path, mask, like=case.images[0], keep_header=False, overwrite=True)


def _is_whole(out: Path, case: Case, record: CaseRecord) -> bool:
    return all(weak_path(out, row.structure, case).exists() for row in record.labels if row.chosen)


def _write_weights(out: Path, records: Sequence[CaseRecord]) -> None:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["case_id", "structure", "weight", "status", "expected_dice", "chosen"])
    for one in records:
        for row in one.labels:
            dice = "" if row.expected_dice is None else f"{row.expected_dice:.4f}"
            table.writerow(
                [one.case_id, row.structure, f"{row.p_good:.4f}", row.status, dice, row.chosen]
            )
    write_whole(out / WEIGHTS, text.getvalue().encode())


def _write(path: Path, record: CaseRecord) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, record.model_dump_json(indent=1).encode() + b"\n")
    except OSError as error:
        raise OutputError.of(path, error) from error


def _as_labelled(case: Case) -> Case:
    """Give a case a label, so that it takes part in a lot."""
    return replace(case, labels=case.labels or (LabelRef("", case.images[0]),))


def _finite(value: float) -> float | None:
    return None if isnan(value) else float(value)
