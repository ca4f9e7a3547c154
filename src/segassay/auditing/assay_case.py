"""One case through rules and judge: from files in memory to the rows of the score table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.auditing.views import case_views, file_view, image_view, label_view
from segassay.checks.all_checks import check_case, check_file, check_image, check_label, label_facts
from segassay.checks.base import Bound, LabelFacts, LabelView
from segassay.checks.cohort_rules.fingerprints import image_print
from segassay.datasets.case import Case
from segassay.datasets.read_case import CaseFiles, read_case, unusable_case
from segassay.errors import CaseError, GeometryError, InternalError
from segassay.files.filesystem import told_path
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Mask
from segassay.images.volume import Volume, voxel_sha256
from segassay.judge.engines.onnxruntime_session import usable_cores
from segassay.judge.scoring import Judge, Score, load_judge
from segassay.records.findings import Finding
from segassay.records.remarks import comment, remarks_of, text_of
from segassay.records.run import now
from segassay.records.scores import ScoreRow
from segassay.records.shards import CaseRecord
from segassay.records.slices import SliceRow
from segassay.runs.domain.acquaintance import Acquaintance
from segassay.types import Engine, Progress, Remark, Severity, Status, ignore_progress

_TOLD_AT_ONCE = 8
"""Labels scored between two steps of progress, where there is anyone to be told."""


@dataclass(frozen=True, slots=True)
class AssayContext:
    """What is the same for all cases of a run (`runs.context`). `judge` is `None` for rules alone.

    The judge is in the state that the `acquaintance` asks for; worker processes load it by its
    name or folder `judge_name` for its `engine`, and bring theirs there. `progress` is told of the
    labels of a case.
    """

    root: Path
    declared: frozenset[int]
    judge: Judge | None
    run_id: str
    structures: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    acquaintance: Acquaintance = field(default_factory=Acquaintance)
    progress: Progress = ignore_progress
    judge_name: str | None = None
    engine: Engine = Engine.ONNX

    def id_of(self, case: Case) -> str:
        """Return the id of a case."""
        return case.case_id

    def read(self, case: Case) -> CaseFiles:
        """Read image and labels of a case."""
        return read_case(case)

    def work(self, files: CaseFiles) -> CaseRecord:
        """Check and score all labels of a case."""
        return assay_case(files, self)

    def failed(self, case: Case, error: CaseError) -> CaseRecord:
        """Record all labels of a case as failed."""
        return assay_case(unusable_case(case, error), self)

    def packed(self) -> "AssayContext":
        """Return the context without judge and progress."""
        engine = self.engine if self.judge is None else self.judge.engine
        return replace(self, judge=None, progress=ignore_progress, engine=engine)

    def unpacked(self, jobs: int) -> "AssayContext":
        """Load the judge for one of `jobs` processes."""
        if self.judge_name is None:
            return self
        threads = max(1, usable_cores() // jobs)
        loaded = load_judge(self.judge_name, threads=threads, engine=self.engine)
        return replace(self, judge=self.acquaintance.asked(loaded))


@dataclass(frozen=True, slots=True, eq=False)
class _Label:
    ref: LabelRef
    mask: Mask
    known: NDArray[np.bool_] | None
    view: LabelView
    findings: tuple[Finding, ...]


def assay_case(files: CaseFiles, context: AssayContext) -> CaseRecord:
    """Check and score all labels of a case; whatever is wrong with it ends up in its record."""
    wanted = [
        ref
        for ref in files.case.labels
        if not context.structures or ref.structure in context.structures
    ]
    image = files.image
    if isinstance(image, CaseError):
        rows = [_row(files, ref, context, Status.FAILED, image) for ref in wanted]
        return CaseRecord(files.case.case_id, tuple(rows), (), (), str(image))
    return _assay_labels(files, image, wanted, context)


def _assay_labels(
    files: CaseFiles, image: Volume, wanted: Sequence[LabelRef], context: AssayContext
) -> CaseRecord:
    context.progress("labels checked", 0, len(wanted), "")
    shown = image_view(files, image)
    rows: list[ScoreRow] = []
    findings = check_image(shown)
    facts: list[LabelFacts] = []
    good: list[_Label] = []
    # An image of which a channel is missing is no whole case, though its labels can be judged.
    errors = [f.message for f in findings if f.check == "channels" and f.severity is Severity.ERROR]
    for file, refs in files.holding(wanted):
        labels = file.content
        if isinstance(labels, CaseError):
            errors.append(str(labels))
            rows += [_row(files, ref, context, Status.FAILED, labels) for ref in refs]
            continue
        of_file = check_file(file_view(refs, file, labels, shown, context.declared))
        findings += of_file
        if file.problem is not None:
            why = _told(of_file, file.problem)
            rows += [_row(files, ref, context, Status.INVALID, why) for ref in refs]
            continue
        for ref in refs:
            mask = labels.mask(ref)
            view = label_view(
                ref,
                mask,
                shown,
                context.bounds,
                known=labels.known,
                spacing_known=image.spacing_known,
            )
            good.append(_Label(ref, mask, labels.known, view, tuple(check_label(view))))
            context.progress("labels checked", len(good), len(wanted), ref.structure)
    content, printed = voxel_sha256(image.array), image_print(shown.planes)
    if not good:
        facts.append(_image_facts(files, content, printed))
    for label in good:
        findings += label.findings
        facts.append(_facts(files, label.view, content, "" if facts else printed))
    for together in case_views(shown, [label.view for label in good]):
        findings += check_case(together)
    scored, slices = _scored_rows(files, image, good, context, content)
    checksums = {(fact.structure, fact.source): fact.mask_sha256 for fact in facts}
    rows += [
        row.model_copy(update={"mask_sha256": checksums[row.structure, row.source]})
        for row in scored
    ]
    order = {(ref.structure, ref.source): n for n, ref in enumerate(wanted)}
    rows.sort(key=lambda row: order[row.structure, row.source])
    return CaseRecord(
        files.case.case_id,
        tuple(rows),
        tuple(findings),
        tuple(asdict(f) for f in facts),
        "; ".join(errors),
        tuple(slices),
    )


def _image_facts(files: CaseFiles, content: str, printed: str) -> LabelFacts:
    """Keep what tells of copies: an image without a usable label may be one of a labelled image."""
    return LabelFacts(
        case_id=files.case.case_id,
        subject_id=files.case.subject_id,
        structure="",
        source="",
        n_voxels=0,
        size=0.0,
        unit="",
        mask_sha256="",
        image_sha256=content,
        split=files.case.split or "",
        image_print=printed,
    )


def _facts(files: CaseFiles, view: LabelView, content: str, printed: str) -> LabelFacts:
    """Keep what the cohort checks need; the image's print stands with a case's first label."""
    return label_facts(
        view,
        subject_id=files.case.subject_id,
        image_sha256=content,
        split=files.case.split or "",
        image_print=printed,
    )


def _told(findings: Sequence[Finding], problem: CaseError) -> str:
    """Say why a label file cannot be judged as it is, in the words of the rule that found it."""
    rule = "grid_mismatch" if isinstance(problem, GeometryError) else "label_values"
    told = (f.message for f in findings if f.check == rule and f.severity is Severity.ERROR)
    return next(told, str(problem))


def _scored_rows(
    files: CaseFiles,
    image: Volume,
    labels: Sequence[_Label],
    context: AssayContext,
    content: str,
) -> tuple[list[ScoreRow], list[SliceRow]]:
    judge = context.judge
    if judge is None or not labels:
        return [], []
    seen = judge.trained_on(files.image_sha256, content)
    rows: list[ScoreRow] = []
    slices: list[SliceRow] = []
    context.progress("labels scored", 0, len(labels), "")
    # Labels of one file ignore the same voxels; where none ignores any, all are judged together.
    for own in _alike(labels):
        asked = judge.asked(
            image.knowing(own[0].known),
            [(label.ref.structure, label.mask) for label in own],
            modality=files.case.modality,
            subject=files.case.subject_id,
        )
        at_once = len(own) if context.progress is ignore_progress else _TOLD_AT_ONCE
        for start in range(0, len(own), at_once):
            scores = judge.scores(asked[start : start + at_once])
            for label, score in zip(own[start:], scores, strict=False):
                rows.append(_scored_row(files, label, score, context, trained_on=seen))
                key = (label.ref.structure, label.ref.source)
                slices += [SliceRow(*key, s.index, s.score, s.n_pixels) for s in score.slices]
            context.progress("labels scored", len(rows), len(labels), rows[-1].structure)
    return rows, slices


def _alike(labels: Sequence[_Label]) -> list[list[_Label]]:
    """Put labels together of which the same voxels are known."""
    groups: dict[int, list[_Label]] = {}
    for label in labels:
        groups.setdefault(id(label.known), []).append(label)
    return list(groups.values())


def _scored_row(
    files: CaseFiles, label: _Label, score: Score, context: AssayContext, *, trained_on: bool
) -> ScoreRow:
    worst = score.worst_slice
    flags = [f.check for f in label.findings if f.severity is not Severity.INFO]
    n_channels = len(files.case.images)
    channel = (comment(Remark.FIRST_CHANNEL, n_channels=n_channels),) if n_channels > 1 else ()
    seen = (comment(Remark.TRAINED_ON_IMAGE),) if trained_on else ()
    reason = "; ".join(text for text in (score.reason, text_of(channel)) if text)
    evidence = "; ".join(text for text in (score.evidence, text_of(seen)) if text)
    volume_ml = label.view.n_voxels * label.view.voxel_size
    base = _row(files, label.ref, context, score.status, reason)
    return base.model_copy(
        update={
            "score": score.value,
            "score_lo": score.low,
            "score_hi": score.high,
            "reference_score": score.reference_score,
            "remarks": score.remarks | remarks_of((*channel, *seen)),
            "error_type": score.error_type,
            "presence": score.presence,
            "worst_slice": worst.index if worst is not None else -1,
            "worst_slice_score": worst.score if worst is not None else float("nan"),
            "n_slices": len(score.slices),
            "n_voxels": label.view.n_voxels,
            "volume_ml": volume_ml if label.view.spacing_known else float("nan"),
            "expected_volume_error": score.expected_volume_error,
            "expected_volume_error_ml": score.expected_volume_error_ml,
            "expected_area_error_mm2": score.expected_area_error_mm2,
            "expected_nsd": score.expected_nsd,
            "expected_path_mm": score.expected_path_mm,
            "n_context_subjects": score.n_context_subjects,
            "context_dice": score.context_dice,
            "context_dice_close": score.context_dice_close,
            "flags": " ".join(flags),
            "evidence": evidence,
            "model_id": score.model_id,
            "preprocess": score.preprocess,
        }
    )


def _row(
    files: CaseFiles, ref: LabelRef, context: AssayContext, status: Status, why: str | CaseError
) -> ScoreRow:
    path = ref.path
    image = files.image
    spacing = "" if isinstance(image, CaseError) else _spacing(image)
    return ScoreRow(
        case_id=files.case.case_id,
        subject_id=files.case.subject_id,
        structure=ref.structure,
        source=ref.source,
        label_path=told_path(path, context.root),
        label_sha256=files.sha256(ref),
        status=status,
        reason=str(why),
        remarks=frozenset({Remark.INTERNAL_ERROR} if isinstance(why, InternalError) else ()),
        spacing_mm=spacing,
        run_id=context.run_id,
        scored_at=now(),
    )


def _spacing(image: Volume) -> str:
    if not image.spacing_known:
        return ""
    return " ".join(f"{s:.4g}" for s in image.grid.spacing_mm)
