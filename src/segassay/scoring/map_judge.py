"""The judge that draws the mask it expects, and compares: Dice and suggestion from one map."""

from collections.abc import Sequence

import numpy as np

from segassay.data.preprocess import plane_stack
from segassay.data.volume import Volume
from segassay.engines.onnx_engine import JudgeAnswers, OnnxEngine
from segassay.models.folder import JudgeFolder
from segassay.scoring.aggregate import SliceSums
from segassay.scoring.inputs import BoolArray
from segassay.scoring.plan import LabelPlan, slice_sums
from segassay.scoring.result import Suggestion
from segassay.scoring.slice_judge import SliceJudge
from segassay.scoring.suggest import make_suggestion
from segassay.types import Modality


class MapJudge(SliceJudge):
    """A judge with a probability map of the right mask, on ONNX Runtime."""

    def __init__(self, folder: JudgeFolder, *, threads: int | None = None) -> None:
        super().__init__(folder)
        self._engine = OnnxEngine(folder.onnx, threads=threads)

    def examine(self, plans: Sequence[LabelPlan]) -> list[list[SliceSums]]:
        """Compare the masks with the maps that the network draws."""
        answers = self._engine([seen for plan in plans for seen in plan.inputs])
        ends = np.cumsum([len(plan.inputs) for plan in plans])
        return [
            slice_sums(plan, _part(answers, int(end) - len(plan.inputs), int(end)))
            for plan, end in zip(plans, ends, strict=True)
        ]

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
        name = self.named(structure)
        if index is None:
            index = self.worst(stack, mask, name, modality)
        plan = self.plan(stack, mask, name, modality, only=index)
        answers = self._engine(plan.inputs)
        return make_suggestion(stack, plan, answers.map[0])


def _part(answers: JudgeAnswers, start: int, end: int) -> JudgeAnswers:
    return JudgeAnswers(
        answers.map[start:end],
        answers.outside[start:end],
        answers.presence[start:end],
        answers.kind[start:end],
        answers.embedding[start:end],
    )
