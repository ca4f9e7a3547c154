"""The judge as callers know it: images and masks in, scores out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from segassay.data.preprocess import PlaneStack, plane_stack, settings_from_json
from segassay.data.volume import Volume
from segassay.engines.onnx_engine import JudgeAnswers, OnnxEngine
from segassay.errors import ModelError
from segassay.models.folder import JudgeFolder, find_judge, open_judge
from segassay.scoring.aggregate import estimate_presence, estimate_volume
from segassay.scoring.calibration import Calibration
from segassay.scoring.inputs import ArrayOrPath, BoolArray, image_volume, mask_array
from segassay.scoring.plan import LabelPlan, plan_label, slice_sums
from segassay.scoring.result import Score, SliceScore, Suggestion
from segassay.scoring.suggest import make_suggestion
from segassay.types import Modality, Status
from segassay.vocabulary.names import canonical_name

_WIDEST = 0.7
_FEWEST_VOXELS = 5


@dataclass(frozen=True, slots=True)
class _Named:
    """A structure's name as given and as the network may know it."""

    given: str | None
    known: str | None

    @property
    def remark(self) -> str:
        """Why the score was made without a name; empty if it was not."""
        if self.given is None:
            return "no structure name given: judged without it"
        if self.known is None:
            return f"the judge never learned {self.given!r}: judged without its name"
        return ""


class Judge:
    """Scores labels without ground truth. Make one with `load_judge`; it is safe to share.

    Attributes:
        model_id: Name and version, written into every score.
        preprocess: Fingerprint of the preprocessing, written into every score.
        sha256: Checksum of weights, description and calibration, written into a run's record.
    """

    def __init__(self, folder: JudgeFolder, *, threads: int | None = None) -> None:
        self._meta = folder.meta
        try:
            self._settings = settings_from_json(folder.meta["preprocess"])
            self._calibration = Calibration.from_json(folder.calibration)
            self._structures = frozenset(folder.meta["structures"])
            self._images = folder.training_images
            self.model_id: str = folder.meta["model_id"]
        except (KeyError, TypeError) as error:
            raise ModelError(f"{folder.path.name}: made by another version ({error})") from error
        self._engine = OnnxEngine(folder.onnx, threads=threads)
        self.preprocess = self._settings.fingerprint()
        self.sha256 = folder.sha256

    def score(
        self,
        image: ArrayOrPath,
        mask: ArrayOrPath,
        structure: str | None = None,
        spacing_mm: Sequence[float] | None = None,
        modality: Modality | str | None = None,
    ) -> Score:
        """Tell how good a mask is.

        Args:
            image: Path, 2D array `(row, column)`, RGB array `(row, column, 3)` or 3D array
                `(i, j, k)` in RAS+ order.
            mask: Path or array on the image's grid; any value but zero belongs to the structure.
            structure: Its name, as in "liver" or "Left Kidney". Unknown names are allowed; the
                score is then made without the name and says so.
            spacing_mm: Pixel size along the image array's axes; read from a file's header.
            modality: One of `types.Modality`, such as "ct"; `None` if unknown.

        Raises:
            ReadError: A file is missing or damaged.
            GeometryError: Image and mask lie on different grids.
            ContentError: The image holds NaN, or an array has an impossible shape.
        """
        volume = image_volume(image, spacing_mm)
        kind = None if modality is None else Modality(modality)
        mask_voxels = mask_array(mask, volume)
        return self.score_volume(volume, mask_voxels, structure=structure, modality=kind)

    def score_many(self, items: Iterable[Mapping[str, Any]]) -> list[Score]:
        """Score several labels; every item holds the keyword arguments of `score`."""
        return [self.score(**item) for item in items]

    def score_volume(
        self, image: Volume, mask: BoolArray, *, structure: str | None, modality: Modality | None
    ) -> Score:
        """Score a mask `(i, j, k)` on the grid of `image`."""
        return self.score_labels(image, [(structure, mask)], modality=modality)[0]

    def score_labels(
        self,
        image: Volume,
        masks: Sequence[tuple[str | None, BoolArray]],
        *,
        modality: Modality | None,
    ) -> list[Score]:
        """Score all labels `(structure, mask)` of one image in one go."""
        stack = plane_stack(image)
        names = [self._named(structure) for structure, _ in masks]
        plans = [
            plan_label(stack, mask, self._settings, name=name.known, modality=modality)
            for name, (_, mask) in zip(names, masks, strict=True)
        ]
        if not plans:
            return []
        answers = self._engine([seen for plan in plans for seen in plan.inputs])
        ends = np.cumsum([len(plan.inputs) for plan in plans])
        scores = []
        for name, plan, end in zip(names, plans, ends, strict=True):
            part = _part(answers, int(end) - len(plan.inputs), int(end))
            scores.append(
                self._filled(name, plan, part) if plan.n_voxels else self._empty(name, part)
            )
        return scores

    def suggest(
        self,
        image: ArrayOrPath,
        mask: ArrayOrPath,
        structure: str | None = None,
        spacing_mm: Sequence[float] | None = None,
        modality: Modality | str | None = None,
    ) -> Suggestion:
        """Suggest a correction of the mask's worst slice. Arguments as in `score`."""
        volume = image_volume(image, spacing_mm)
        kind = None if modality is None else Modality(modality)
        mask_voxels = mask_array(mask, volume)
        return self.suggest_volume(volume, mask_voxels, structure=structure, modality=kind)

    def suggest_volume(
        self,
        image: Volume,
        mask: BoolArray,
        *,
        structure: str | None,
        modality: Modality | None,
        index: int | None = None,
    ) -> Suggestion:
        """Suggest a correction of slice `index`, by default the worst that is examined.

        For an empty mask this is the slice where the structure is most likely seen.
        """
        stack = plane_stack(image)
        name = self._named(structure).known
        if index is None:
            index = self._worst(stack, mask, name, modality)
        plan = plan_label(stack, mask, self._settings, name=name, modality=modality, only=index)
        answers = self._engine(plan.inputs)
        return make_suggestion(stack, plan, answers.map[0])

    def trained_on(self, *checksums: str) -> bool:
        """Whether an image was among the judge's training images.

        Args:
            checksums: Of the image's voxels (`data.volume.voxel_sha256`), which newer judges keep,
                and of its file, which the first one kept. Any match counts.
        """
        return not self._images.isdisjoint(checksums)

    def _worst(
        self, stack: PlaneStack, mask: BoolArray, name: str | None, modality: Modality | None
    ) -> int:
        plan = plan_label(stack, mask, self._settings, name=name, modality=modality)
        sums = slice_sums(plan, self._engine(plan.inputs))
        if not plan.n_voxels:
            return max(sums, key=lambda s: s.presence).index
        return min((s for s in sums if s.mask > 0), key=lambda s: s.dice).index

    def _named(self, structure: str | None) -> _Named:
        canonical = None if structure is None else canonical_name(structure)
        return _Named(structure, canonical if canonical in self._structures else None)

    def _evidence(self, name: _Named) -> str:
        counts = self._meta["evidence"].get(name.known)
        if not counts:
            return "never tested on this structure"
        subjects = "1 subject" if counts["subjects"] == 1 else f"{counts['subjects']} subjects"
        return f"tested on {counts['labels']} masks of {subjects} kept from training"

    def _filled(self, name: _Named, plan: LabelPlan, answers: JudgeAnswers) -> Score:
        sums = slice_sums(plan, answers)
        estimate = estimate_volume(sums, plan.n_voxels)
        value, low, high = self._calibration(estimate.dice)
        doubts = _doubts(plan.n_voxels, high - low)
        return Score(
            value=value,
            low=low,
            high=high,
            status=Status.ABSTAINED if doubts else Status.SCORED,
            reason="; ".join(text for text in (doubts, name.remark) if text),
            slices=tuple(SliceScore(s.index, s.dice, int(s.mask)) for s in sums if s.mask > 0),
            presence=estimate.presence,
            error_type=estimate.error_type,
            evidence=self._evidence(name),
            model_id=self.model_id,
            preprocess=self.preprocess,
        )

    def _empty(self, name: _Named, answers: JudgeAnswers) -> Score:
        presence = estimate_presence([float(p) for p in answers.presence])
        if name.known is None:
            status, reason = Status.ABSTAINED, f"the mask is empty, and {name.remark}"
        elif presence > 0.5:
            status = Status.ABSENT_SUSPECT
            reason = (
                f"the mask is empty, but {name.given} seems to be in the image ({presence:.2f})"
            )
        else:
            status, reason = Status.ABSENT_OK, f"{name.given} is not in the image ({presence:.2f})"
        return Score(
            value=nan,
            low=nan,
            high=nan,
            status=status,
            reason=reason,
            slices=(),
            presence=presence,
            error_type="",
            evidence=self._evidence(name),
            model_id=self.model_id,
            preprocess=self.preprocess,
        )


def load_judge(name_or_path: str = "judge-v0", *, threads: int | None = None) -> Judge:
    """Load a judge by name or from a folder.

    Args:
        name_or_path: A folder, or a name looked up in `$SEGASSAY_HOME` and in the installed
            distribution `segassay-weights`. Nothing is downloaded.
        threads: Cores to use; all that this process may use by default.

    Raises:
        ModelError: There is no such judge, or its files do not match their checksums.
    """
    return Judge(open_judge(find_judge(name_or_path)), threads=threads)


def _doubts(n_voxels: int, width: float) -> str:
    if n_voxels < _FEWEST_VOXELS:
        return f"the mask has only {n_voxels} voxels"
    if width > _WIDEST:
        return f"the interval is {width:.2f} wide"
    return ""


def _part(answers: JudgeAnswers, start: int, end: int) -> JudgeAnswers:
    return JudgeAnswers(
        answers.map[start:end],
        answers.outside[start:end],
        answers.presence[start:end],
        answers.kind[start:end],
        answers.embedding[start:end],
    )
