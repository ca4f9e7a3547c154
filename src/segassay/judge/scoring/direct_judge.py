"""The judge that answers with a number per slice, such as `segae-vlm`."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.engines.direct_engine import DirectAnswers, DirectEngine
from segassay.judge.estimates.aggregate import SliceSums
from segassay.judge.scoring.plan import LabelPlan
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.types import Engine


class DirectJudge(SliceJudge):
    """A judge that predicts Dice and the true mask's size, and draws nothing."""

    suggests: ClassVar[bool] = False

    def __init__(
        self, folder: JudgeFolder, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        super().__init__(folder, engine=engine)
        self._engine = DirectEngine(folder.onnx, self._settings, threads=threads, engine=engine)

    def examine(self, plans: Sequence[LabelPlan]) -> list[list[SliceSums]]:
        """Turn the predicted Dice of every slice into sums."""
        answers = self._engine([seen for plan in plans for seen in plan.inputs])
        found, start = [], 0
        for plan in plans:
            found.append(direct_sums(plan, answers, start))
            start += len(plan.inputs)
        return found


def direct_sums(plan: LabelPlan, answers: DirectAnswers, start: int) -> list[SliceSums]:
    """Return the sums of one plan, whose answers begin at `start`, in image pixels.

    From Dice d, size of the mask m and of the true mask t follows the overlap d (m + t) / 2; over a
    volume the slices then count by their size, and one without mask adds what is missing there.
    Of a slice that is known in part, the true mask counts by the known share of the crop.
    """
    sums = []
    for k, (sample, seen) in enumerate(zip(plan.samples, plan.inputs, strict=True)):
        n = start + k
        known = float(np.mean(plan.known_share(k)[0]))
        true = known * float(answers.size[n]) * seen.crop[3].size * seen.pixels_per_cell
        area = float(plan.areas[sample.index])
        overlap = 0.5 * float(answers.dice[n]) * (true + area) if area else 0.0
        presence = float(answers.presence[n])
        sums.append(
            SliceSums(sample.index, sample.weight, sample.beyond, area, overlap, true, presence)
        )
    return sums
