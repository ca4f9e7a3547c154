"""Labels of unknown data, ranked within their structure by what the context says of them, too.

A network says how good a label is on a scale that it learned elsewhere. How far a label agrees with
the context, on the whole slice and in close-ups, says which labels of a structure are the better
ones, on a scale of the data set's own. Within a structure the three are brought to one scale and
added up; mean and spread stay what the network's were, so that ranks change and levels do not.
(Normalised scores and their weighted sum: Jain, Nandakumar and Ross, Pattern Recognition 38, 2005.)

On real predictions of sets that no judge had seen, the correlation with true Dice within a set rose
from 0.479 to 0.540 (decision 32).
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from segassay.records.remarks import UNKNOWN_DATA, remarked
from segassay.types import Remark

Floats = NDArray[np.float64]

FEWEST_LABELS = 8
"""With fewer labels of a structure none is ranked anew: their mean and spread say too little."""

_WHOLE, _CLOSE = 0.25, 0.5
"""Weights of the agreement on whole slices and in close-ups, the network's score counting 1."""

_SAID = ("score", "context_dice", "context_dice_close")
"""Columns of what is said of a label."""


def ranked_in_context(scores: Floats, whole: Floats, close: Floats) -> Floats:
    """Return scores `(n,)` of one structure, ranked by what the context says, too.

    Args:
        scores: What the network says of each label.
        whole: Dice of each label and what the context says on whole slices; NaN if nothing.
        close: The same of close-ups.

    Returns:
        Scores of the same mean and spread. The same scores where they, or all else, are alike.
    """
    spread = scores.std()
    mixed = _standardised(scores) + _WHOLE * _standardised(whole) + _CLOSE * _standardised(close)
    if not spread or not mixed.std():
        return scores
    return np.asarray(scores.mean() + spread * _standardised(mixed))


def _standardised(values: Floats) -> Floats:
    """Bring values to mean 0 and spread 1; what is NaN, or alike, becomes 0."""
    known = np.isfinite(values)
    if not known.any() or not values[known].std():
        return np.zeros_like(values)
    mean, spread = values[known].mean(), values[known].std()
    return np.where(known, (values - mean) / spread, 0.0)


def with_context_ranks(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a score table, rows that nobody vouches for ranked anew within their structure.

    Only scores of labels that the judge does not know, and that it saw in the context of the data
    set's own labels. Intervals stay, since they hold the true Dice as often as before, and widen
    where a score would leave its own.
    """
    asked = pl.col("score").is_not_nan() & remarked(Remark.IN_CONTEXT) & remarked(*UNKNOWN_DATA)
    numbered = frame.with_columns(place=pl.int_range(pl.len())).filter(asked)
    found = {
        name: frame[name].to_numpy(writable=True) for name in ("score", "score_lo", "score_hi")
    }
    for _, own in numbered.group_by("structure", maintain_order=True):
        if own.height >= FEWEST_LABELS:
            ranked = ranked_in_context(*own.select(_SAID).to_numpy().T).clip(0, 1)
            places = own["place"].to_numpy()
            found["score"][places] = ranked
            for name, wider in (("score_lo", np.minimum), ("score_hi", np.maximum)):
                found[name][places] = wider(found[name][places], ranked)
    return frame.with_columns(pl.Series(name, values) for name, values in found.items())
