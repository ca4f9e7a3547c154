"""The judge that draws the mask it expects, and compares: Dice and suggestion from one map."""

from collections.abc import Sequence

import numpy as np

from segassay.engines.onnx_engine import JudgeAnswers, OnnxEngine
from segassay.models.folder import JudgeFolder
from segassay.scoring.aggregate import SliceSums, estimate_volume
from segassay.scoring.asked import AskedLabel
from segassay.scoring.plan import LabelPlan, slice_sums, without_scale
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
        return [
            slice_sums(plan, answers)
            for plan, answers in zip(plans, self._answers(plans), strict=True)
        ]

    def shown(self, label: AskedLabel, index: int) -> Suggestion:
        """Show slice `index` of a label with the mask that the judge expects there."""
        plan = self.plan(label, only=index)
        (answers,) = self._answers([plan])
        return make_suggestion(label.image.stack, plan, answers.map[0])

    def _answers(self, plans: Sequence[LabelPlan]) -> list[JudgeAnswers]:
        """Ask the network about every plan, about nameless labels that are not empty twice.

        Without a name the image, too, may be of a kind that the network never learned from. Then it
        finds nothing in it, but does where no scale is told. It is believed where it finds more.
        """
        answers = self._asked(plans)
        asked = (n for n, plan in enumerate(plans) if plan.n_voxels and not plan.is_named)
        without = {n: without_scale(plans[n]) for n in asked}
        again = {n: plan for n, plan in without.items() if plan is not None}
        for (n, plan), other in zip(again.items(), self._asked(list(again.values())), strict=True):
            if _found(plan, other) > _found(plan, answers[n]):
                answers[n] = other
        return answers

    def _asked(self, plans: Sequence[LabelPlan]) -> list[JudgeAnswers]:
        if not plans:
            return []
        answers = self._engine([seen for plan in plans for seen in plan.inputs])
        ends = np.cumsum([len(plan.inputs) for plan in plans])
        return [
            _part(answers, int(end) - len(plan.inputs), int(end))
            for plan, end in zip(plans, ends, strict=True)
        ]


def _found(plan: LabelPlan, answers: JudgeAnswers) -> float:
    """Return the expected Dice of a label that is not empty."""
    return estimate_volume(slice_sums(plan, answers), plan.n_voxels).dice


def _part(answers: JudgeAnswers, start: int, end: int) -> JudgeAnswers:
    return JudgeAnswers(
        answers.map[start:end],
        answers.outside[start:end],
        answers.presence[start:end],
        answers.kind[start:end],
        answers.embedding[start:end],
    )
