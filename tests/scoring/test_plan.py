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


def test_a_picture_is_seen_twice_and_counts_once() -> None:
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(1, 200, 200)).astype(np.float32)
    mask = np.zeros((200, 200, 1), dtype=np.bool_)
    mask[60:120, 80:110, 0] = True
    picture = PlaneStack(planes, 2, (1.0, 1.0), 1.0, spacing_known=False)
    sampling = Sampling(10, (0.15,))

    def seen(stack: PlaneStack, rule: int, mask: np.ndarray, only: int | None = None) -> LabelPlan:
        preprocess = JudgePreprocess(frame_rule=rule)
        return plan_label(stack, mask, preprocess, sampling, name=None, modality=None, only=only)

    once, twice = seen(picture, 1, mask), seen(picture, 2, mask)
    assert [s.weight for s in once.samples] == [1.0]
    assert [s.weight for s in twice.samples] == [0.5, 0.5]
    closer, wider = (i.box.bottom - i.box.top for i in twice.inputs)
    assert closer < once.inputs[0].box.bottom - once.inputs[0].box.top < wider
    centres = {(i.box.top + i.box.bottom, i.box.left + i.box.right) for i in twice.inputs}
    assert len(centres) == 1
    assert len(seen(picture, 2, mask, only=0).samples) == 1
    assert len(seen(picture, 2, np.zeros_like(mask)).samples) == 1
    volume = PlaneStack(np.repeat(planes, 4, axis=0), 2, (1.0, 1.0), 3.0, spacing_known=True)
    through = np.repeat(mask, 4, axis=2)
    assert seen(volume, 2, through).samples == seen(volume, 1, through).samples
