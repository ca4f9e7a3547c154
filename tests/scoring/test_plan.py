"""What a judge is told of a label without a name is what it learned to do without."""

import numpy as np

from segassay.data.preprocess import JudgePreprocess, PlaneStack, untold
from segassay.data.slicing import Sampling
from segassay.scoring.plan import LabelPlan, plan_label
from segassay.types import Modality


def planned(preprocess: JudgePreprocess, name: str | None) -> LabelPlan:
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(4, 300, 300)).astype(np.float32)
    mask = np.zeros((300, 300, 4), dtype=np.bool_)
    mask[20:170, 20:170, 1:3] = True
    stack = PlaneStack(planes, 2, (0.8, 0.8), 3.0, spacing_known=True)
    sampling = Sampling(10, (0.15,))
    return plan_label(stack, mask, preprocess, sampling, name=name, modality=Modality.CT)


def told(plan: LabelPlan) -> list[bool]:
    return [bool((untold(seen).condition != seen.condition).any()) for seen in plan.inputs]


def test_a_nameless_label_is_told_of_as_the_judge_learned_it() -> None:
    without, with_all = JudgePreprocess(tells_nameless=False), JudgePreprocess()
    assert not any(told(planned(without, None)))
    for plan in (planned(without, "liver"), planned(with_all, "liver"), planned(with_all, None)):
        assert plan.inputs
        assert all(told(plan))


def test_what_is_untold_changes_no_picture() -> None:
    one = planned(JudgePreprocess(tells_nameless=False), None)
    other = planned(JudgePreprocess(), None)
    for seen, as_told in zip(one.inputs, other.inputs, strict=True):
        np.testing.assert_array_equal(seen.crop, as_told.crop)
        np.testing.assert_array_equal(seen.field, as_told.field)
