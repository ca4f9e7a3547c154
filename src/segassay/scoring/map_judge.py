"""The judge that draws the mask it expects, and compares: Dice and suggestion from one map."""

from collections.abc import Sequence

import numpy as np

from segassay.engines.onnx_engine import JudgeAnswers, OnnxEngine
from segassay.models.folder import JudgeFolder
from segassay.scoring.aggregate import SliceSums
from segassay.scoring.asked import AskedLabel
from segassay.scoring.plan import LabelPlan, slice_sums
from segassay.scoring.result import Suggestion
from segassay.scoring.slice_judge import SliceJudge
from segassay.scoring.suggest import make_suggestion
from segassay.types import Engine


class MapJudge(SliceJudge):
    """A judge with a probability map of the right mask."""

    def __init__(
        self, folder: JudgeFolder, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        super().__init__(folder, engine=engine)
        self._engine = OnnxEngine(folder.onnx, threads=threads, engine=engine)

    def examine(self, plans: Sequence[LabelPlan]) -> list[list[SliceSums]]:
        """Compare the masks with the maps that the network draws."""
        answers = self._engine([seen for plan in plans for seen in plan.inputs])
        ends = np.cumsum([len(plan.inputs) for plan in plans])
        return [
            slice_sums(plan, _part(answers, int(end) - len(plan.inputs), int(end)))
            for plan, end in zip(plans, ends, strict=True)
        ]

    def shown(self, label: AskedLabel, index: int) -> Suggestion:
        """Show slice `index` of a label with the mask that the judge expects there."""
        plan = self.plan(label, only=index)
        answers = self._engine(plan.inputs)
        return make_suggestion(label.image.stack, plan, answers.map[0])


def _part(answers: JudgeAnswers, start: int, end: int) -> JudgeAnswers:
    return JudgeAnswers(
        answers.map[start:end],
        answers.outside[start:end],
        answers.presence[start:end],
        answers.kind[start:end],
        answers.embedding[start:end],
    )
