"""The judge that draws the mask it expects, and compares: Dice and suggestion from one map."""

from collections.abc import Sequence
from math import nan

import numpy as np

from segassay.data.preprocess import PlaneStack, plane_stack, settings_from_json
from segassay.data.volume import Volume
from segassay.engines.onnx_engine import JudgeAnswers, OnnxEngine
from segassay.errors import ModelError
from segassay.models.folder import JudgeFolder
from segassay.scoring.aggregate import estimate_presence, estimate_volume
from segassay.scoring.calibration import Calibration
from segassay.scoring.inputs import BoolArray
from segassay.scoring.judge import Judge, Named
from segassay.scoring.plan import LabelPlan, plan_label, slice_sums
from segassay.scoring.result import Score, SliceScore, Suggestion
from segassay.scoring.suggest import make_suggestion
from segassay.types import Modality, Status

_WIDEST = 0.7
_FEWEST_VOXELS = 5


class MapJudge(Judge):
    """A judge with a probability map of the right mask, on ONNX Runtime."""

    def __init__(self, folder: JudgeFolder, *, threads: int | None = None) -> None:
        super().__init__(folder)
        try:
            self._settings = settings_from_json(folder.meta["preprocess"])
            self._calibration = Calibration.from_json(folder.calibration)
        except (KeyError, TypeError) as error:
            raise ModelError(f"{folder.path.name}: made by another version ({error})") from error
        self._engine = OnnxEngine(folder.onnx, threads=threads)
        self.preprocess = self._settings.fingerprint()

    def score_labels(
        self,
        image: Volume,
        masks: Sequence[tuple[str | None, BoolArray]],
        *,
        modality: Modality | None,
    ) -> list[Score]:
        """Score all labels `(structure, mask)` of one image in one go."""
        stack = plane_stack(image)
        names = [self.named(structure) for structure, _ in masks]
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
        name = self.named(structure).known
        if index is None:
            index = self._worst(stack, mask, name, modality)
        plan = plan_label(stack, mask, self._settings, name=name, modality=modality, only=index)
        answers = self._engine(plan.inputs)
        return make_suggestion(stack, plan, answers.map[0])

    def _worst(
        self, stack: PlaneStack, mask: BoolArray, name: str | None, modality: Modality | None
    ) -> int:
        plan = plan_label(stack, mask, self._settings, name=name, modality=modality)
        sums = slice_sums(plan, self._engine(plan.inputs))
        if not plan.n_voxels:
            return max(sums, key=lambda s: s.presence).index
        return min((s for s in sums if s.mask > 0), key=lambda s: s.dice).index

    def _filled(self, name: Named, plan: LabelPlan, answers: JudgeAnswers) -> Score:
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
            evidence=self.evidence(name),
            model_id=self.model_id,
            preprocess=self.preprocess,
        )

    def _empty(self, name: Named, answers: JudgeAnswers) -> Score:
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
            evidence=self.evidence(name),
            model_id=self.model_id,
            preprocess=self.preprocess,
        )


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
