"""Labels as columns: nobody vouches for himself, and few own predictions say little."""

import numpy as np
import pytest

from segassay.judge.calibration.adapter import Measured
from segassay.judge.calibration.fitting import FEWEST_LABELS, GoldLabel, columns, typical_of
from segassay.judge.comparison.traits import TRAITS
from segassay.judge.comparison.typical import Seen

N = len(TRAITS)


def label(
    subject: str, size: float, *, image: str = "", true: float = 1.0, own: bool = False
) -> GoldLabel:
    return GoldLabel(
        subject=subject,
        structure="liver",
        image=image or subject,
        true=true,
        own=own,
        measured=Measured(0.5, 0.1, 3.0, np.zeros(2)),
        corrected=0.5,
        stated=(0.5, 0.4, 0.6),
        seen=Seen("liver", True, np.full(N, size)),
    )


def altogether(gold: list[GoldLabel]) -> list[float]:
    """The feature after doubt and size."""
    found: list[float] = columns(gold, corrected=False).features[:, 2].tolist()
    return found


def how_unusual(gold: list[GoldLabel], one: GoldLabel) -> float:
    assert one.seen is not None
    return float(typical_of(gold).how_unusual(one.seen)[0])


def test_an_odd_label_is_unusual_beside_the_others_not_beside_itself() -> None:
    usual = [label(f"p{k}", 0.01 * k) for k in range(3)]
    odd = label("odd", 5.0)
    assert altogether([*usual, odd])[-1] == pytest.approx(4.0)
    same = [label("odd", 5.0, image=f"i{k}") for k in range(9)]
    assert altogether([*usual, *same])[-1] == pytest.approx(4.0)
    assert how_unusual([*usual, *same], odd) < 1


def test_a_fault_that_changed_nothing_is_not_counted_again() -> None:
    usual = [label(f"p{k}", 0.0) for k in range(2)]
    assert np.isnan(how_unusual([*usual, *usual], usual[0]))


def test_faults_and_own_predictions_are_not_trusted() -> None:
    trusted = [label(f"p{k}", 0.0) for k in range(3)]
    others = [label(f"q{k}", 5.0, true=0.9) for k in range(9)]
    others += [label(f"r{k}", 5.0, own=True) for k in range(9)]
    assert how_unusual([*trusted, *others], trusted[0]) == 0


def test_a_structure_too_rare_in_the_end_is_too_rare_for_those_left_out() -> None:
    three = [label(f"p{k}", 0.0) for k in range(3)]
    assert np.isfinite(altogether(three)).all()
    assert np.isnan(altogether(three[:2])).all()


@pytest.mark.parametrize(("n_own", "only_planted"), [(0, True), (3, True), (FEWEST_LABELS, False)])
def test_few_own_predictions_leave_the_margin(n_own: int, only_planted: bool) -> None:
    own = [label("p0", 0.0, true=0.7, own=True)] * n_own
    assert columns([label("p1", 0.0), *own], corrected=False).only_planted == only_planted
