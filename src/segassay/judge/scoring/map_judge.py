"""The judge that draws the mask it expects, and compares: Dice and suggestion from one map."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from segassay.geometry.components import components
from segassay.images.mask import Mask
from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.engines.onnx_engine import Floats, JudgeAnswers, OnnxEngine
from segassay.judge.estimates.aggregate import SliceSums
from segassay.judge.inputs.arrays_and_files import BoolArray
from segassay.judge.inputs.preprocess import JudgeInput
from segassay.judge.scoring.plan import LabelPlan, slice_sums
from segassay.judge.scoring.query import AskedLabel
from segassay.judge.scoring.result import Suggestion
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.judge.scoring.suggest import make_suggestion, suggest_everywhere
from segassay.types import Engine

_PRESENT = 0.5
"""A structure is looked for in slices that hold it with a probability above this."""


class MapJudge(SliceJudge):
    """A judge with a probability map of the right mask."""

    def __init__(
        self, folder: JudgeFolder, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        super().__init__(folder, engine=engine)
        self.open_engine(folder, threads, engine)

    def open_engine(self, folder: JudgeFolder, threads: int | None, engine: Engine) -> None:
        """Open the network."""
        self._engine = OnnxEngine(folder.onnx, self._settings, threads=threads, engine=engine)

    def answers(self, plans: Sequence[LabelPlan]) -> JudgeAnswers:
        """Run the network on all slices of some plans, in order; there is at least one."""
        return self._engine([seen for plan in plans for seen in plan.inputs])

    def closer(self, label: AskedLabel, index: int, seen: JudgeInput) -> JudgeAnswers:
        """Run the network on slice `index` of a label seen anew, without its mask."""
        del label, index
        return self._engine([seen])

    def examine(self, plans: Sequence[LabelPlan]) -> list[list[SliceSums]]:
        """Compare the masks with the maps that the network draws."""
        answers = self.answers(plans)
        ends = np.cumsum([len(plan.inputs) for plan in plans])
        return [
            slice_sums(plan, _part(answers, int(end) - len(plan.inputs), int(end)))
            for plan, end in zip(plans, ends, strict=True)
        ]

    def shown(self, label: AskedLabel, index: int) -> Suggestion:
        """Show slice `index` of a label with the mask that the judge expects there."""
        plan = self.plan(label, only=index)
        answers = self.answers([plan])
        return make_suggestion(label.image.stack, plan, answers.map[0])

    def expected_place(self, label: AskedLabel, index: int | None = None) -> Suggestion | None:
        """Show where the structure is expected, blind to the label.

        The network draws on whole slices without any mask, which it was trained to do; the slice
        where it expects most is asked for once more through a crop around what it drew there.
        """
        if not self.knows(label.name):
            return None
        blind = replace(label, mask=Mask.empty(label.mask.shape))
        plan = self.plan(blind, only=index)
        if not plan.samples:
            return None  # the label is known on no slice
        answers = self.answers([plan])
        sums = slice_sums(plan, answers)
        present = [n for n, found in enumerate(sums) if found.presence > _PRESENT]
        if not present:
            return None
        best = max(present, key=lambda n: sums[n].true)
        at, stack = sums[best].index, label.image.stack
        empty = plan.planes.plane(at)
        shape = (empty.shape[0], empty.shape[1])
        rough = plan.inputs[best].cut.paste(answers.map[best], shape)
        closer = self._settings(
            stack,
            empty,
            at,
            self._settings.frame(_likeliest(rough), stack.pixel_mm),
            name=label.name.known,
            modality=label.image.modality,
        )
        fine = closer.cut.paste(self.closer(blind, at, closer).map[0], shape)
        if plan.known is not None:
            fine *= plan.known[at]
        found = suggest_everywhere(stack, label.planes.plane(at), at, fine)
        return found if found.suggested.any() else None


def _part(answers: JudgeAnswers, start: int, end: int) -> JudgeAnswers:
    every = {field.name: getattr(answers, field.name) for field in fields(answers)}
    part: dict[str, Any] = {k: a if a is None else a[start:end] for k, a in every.items()}
    return JudgeAnswers(**part)


def _likeliest(probability: Floats) -> BoolArray:
    """Return where a map `(rows, columns)` reaches half of its maximum.

    Parts of less than half the largest one's size are left out: they would widen the crop.
    """
    parts = components(probability > 0.5 * probability.max())
    sizes = zip(parts.order, parts.sizes, strict=True)
    large = [number for number, size in sizes if 2 * size >= parts.sizes[0]]
    return np.isin(parts.numbers, large)
