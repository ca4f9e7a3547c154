"""The five types of error that the judge tells apart."""

ERROR_TYPES = ("good", "too_small", "too_large", "misplaced", "wrong_place")
"""good: Dice at least .9; wrong_place: Dice below .1; else what dominates."""

_GOOD, _WRONG = 0.9, 0.1
_DOMINATES = 3.0
"""Missing pixels this many times the excess ones (or the reverse) give the error its name."""


def error_type(dice: float, missing: float, excess: float) -> str:
    """Name the error of a mask.

    Args:
        dice: Dice of the mask against the reference, in [0, 1].
        missing: Size of what the reference has and the mask lacks, any unit.
        excess: Size of what the mask has and the reference lacks, same unit.
    """
    if dice >= _GOOD:
        return "good"
    if dice < _WRONG:
        return "wrong_place"
    if missing > _DOMINATES * excess:
        return "too_small"
    if excess > _DOMINATES * missing:
        return "too_large"
    return "misplaced"
