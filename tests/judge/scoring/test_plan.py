"""What a judge is told of a label without a name is what it learned to do without."""

import numpy as np

from segassay.images.mask import Mask
from segassay.images.slicing import Sampling
from segassay.judge.engines.onnx_engine import JudgeAnswers
from segassay.judge.estimates.aggregate import estimate_volume
from segassay.judge.inputs.preprocess import JudgePreprocess, PlaneStack, untold
from segassay.judge.scoring.plan import LabelPlan, plan_label, slice_sums
from segassay.types import Modality


def planned(preprocess: JudgePreprocess, name: str | None) -> LabelPlan:
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(4, 300, 300)).astype(np.float32)
    mask = np.zeros((300, 300, 4), dtype=np.bool_)
    mask[20:170, 20:170, 1:3] = True
    stack = PlaneStack(planes, 2, (0.8, 0.8), 3.0, spacing_known=True)
    sampling = Sampling(10, (0.15,))
    found = Mask.of(mask)
    return plan_label(stack, found, preprocess, sampling, name=name, modality=Modality.CT)


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
        found = Mask.of(mask)
        return plan_label(stack, found, preprocess, sampling, name=None, modality=None, only=only)

    once, twice = seen(picture, 1, mask), seen(picture, 3, mask)
    assert [s.weight for s in once.samples] == [1.0]
    assert [s.weight for s in twice.samples] == [0.5, 0.5]
    closer, wider = (i.box.bottom - i.box.top for i in twice.inputs)
    assert closer < once.inputs[0].box.bottom - once.inputs[0].box.top < wider
    centres = {(i.box.top + i.box.bottom, i.box.left + i.box.right) for i in twice.inputs}
    assert len(centres) == 1
    assert len(seen(picture, 3, mask, only=0).samples) == 1
    assert len(seen(picture, 3, np.zeros_like(mask)).samples) == 1
    volume = PlaneStack(np.repeat(planes, 4, axis=0), 2, (1.0, 1.0), 3.0, spacing_known=True)
    through = np.repeat(mask, 4, axis=2)
    assert seen(volume, 3, through).samples == seen(volume, 1, through).samples


def dots(n: int, *, radius: float = 4, side: int = 200) -> np.ndarray:
    """Return `n` by `n` discs spread over a picture `(side, side, 1)`."""
    y, x = np.mgrid[:side, :side]
    middles = (np.arange(n) + 0.5) * side / n
    found = np.zeros((side, side), dtype=np.bool_)
    for row in middles:
        for column in middles:
            found |= (y - row) ** 2 + (x - column) ** 2 <= radius**2
    return found[..., None]


def plan_of_picture(
    mask: np.ndarray, known: np.ndarray | None = None, name: str | None = None
) -> LabelPlan:
    planes = np.random.default_rng(0).normal(size=(1, *mask.shape[:2])).astype(np.float32)
    stack = PlaneStack(planes, 2, (1.0, 1.0), 1.0, spacing_known=False, known=known)
    preprocess = JudgePreprocess(frame_rule=3)
    sampling = Sampling(10, (0.15,))
    return plan_label(stack, Mask.of(mask), preprocess, sampling, name=name, modality=None)


def answers_of(plan: LabelPlan, maps: list[np.ndarray]) -> JudgeAnswers:
    n = len(maps)
    nothing = np.zeros(n, dtype=np.float32)
    return JudgeAnswers(
        np.stack(maps).astype(np.float32),
        nothing + 0.3,
        nothing,
        np.zeros((n, 5), dtype=np.float32),
        np.zeros((n, 1), dtype=np.float32),
    )


def test_a_fine_mask_is_seen_in_parts_that_hold_each_pixel_once() -> None:
    mask = dots(7)
    plan = plan_of_picture(mask)
    assert len(plan.samples) == 9
    assert all(s.weight == 1 for s in plan.samples)
    assert sum(plan.area(n) for n in range(9)) == mask.sum()
    assert max(i.box.bottom - i.box.top for i in plan.inputs) < 100
    assert len(plan_of_picture(mask, name="liver").samples) == 2  # known as a whole


def test_a_mask_between_is_seen_as_a_whole_and_in_parts() -> None:
    mask = np.zeros((200, 200, 1), dtype=np.bool_)
    mask[20:180, 80:140, 0] = True
    plan = plan_of_picture(mask)
    parts = [n for n in range(len(plan.samples)) if plan.windows[n] is not None]
    assert len(parts) == 4
    assert len(plan.samples) == 6
    area = sum(s.weight * plan.area(n) for n, s in enumerate(plan.samples))
    assert area == mask.sum()


def test_parts_add_up_to_the_dice_of_the_whole() -> None:
    right, given = dots(7), dots(7)
    given[:60] = False
    plan = plan_of_picture(given)
    maps = [seen.cut(right[..., 0][None].astype(np.float32))[0] for seen in plan.inputs]
    sums = slice_sums(plan, answers_of(plan, maps))
    said = estimate_volume(sums, plan.n_voxels).dice
    true = 2 * given.sum() / (given.sum() + right.sum())
    assert abs(said - true) < 0.12  # beside the outermost parts nothing is looked at


def test_what_is_unknown_in_a_part_counts_for_nothing() -> None:
    mask, known = dots(7), np.ones((1, 200, 200), dtype=np.bool_)
    known[0, 100:] = False
    mask[100:] = False
    plan = plan_of_picture(mask, known)
    everywhere = [np.ones_like(seen.crop[3]) for seen in plan.inputs]
    sums = slice_sums(plan, answers_of(plan, everywhere))
    assert sum(s.true for s in sums) <= 1.02 * known.sum()
