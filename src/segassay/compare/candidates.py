"""Several candidate labels of the same images: which source is better, structure by structure.

Which of two labels is better is far easier to tell than how good one is (Label Critic, Bassi 2024):
what makes an image or a structure hard is the same for both and cancels out in their difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan

import numpy as np
import polars as pl

from segassay.errors import UsageError
from segassay.metrics.agreement import Estimate, mean_by_subject

ALL = ""
"""Stands for all structures together."""


@dataclass(frozen=True, slots=True)
class Preference:
    """Two sources on the labels that both have scored, of one structure or of all (`ALL`).

    `difference` is the mean score of `first` less that of `second`, with its 95 % interval from
    resampling subjects, NaN ends below five of them. `share` is how often `first` scores higher, a
    tie counting one half. `winner` is the better source where the interval leaves out 0, else
    empty.
    """

    structure: str
    first: str
    second: str
    n_labels: int
    n_subjects: int
    difference: Estimate
    share: float

    @property
    def winner(self) -> str:
        """The better source; empty where no difference was shown."""
        low, high = self.difference.low, self.difference.high
        if isnan(low) or low <= 0 <= high:
            return ""
        return self.first if low > 0 else self.second


def sources_of(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return the scored labels of every source.

    Args:
        frames: Score tables by the name of their results. Sources of one table are called as there;
            of several tables, a source is called by its table's name, with its own behind a colon
            where the table has several.

    Raises:
        UsageError: There is one source only, or two judges scored them.
    """
    judges = {
        judge
        for frame in frames.values()
        for judge in frame.filter(pl.col("model_id") != "")["model_id"].unique()
    }
    if len(judges) > 1:
        raise UsageError(
            f"scores of {' and '.join(sorted(judges))}: sources are compared by one judge; audit "
            "all of them with the same --judge"
        )
    found = {}
    for name, frame in frames.items():
        own = frame["source"].unique().sort().to_list()
        for source in own:
            several = f"{name}: {source}" if len(own) > 1 else name
            called = source if len(frames) == 1 else several
            kept = (pl.col("source") == source) & pl.col("score").is_not_nan()
            found[called] = frame.filter(kept)
    if len(found) < 2:
        raise UsageError(
            f"{', '.join(found) or 'no labels'}: one source of labels, which has nothing to be "
            "compared with; give the results of another one, too"
        )
    return found


def preferences(sources: Mapping[str, pl.DataFrame]) -> tuple[Preference, ...]:
    """Compare all sources in pairs: all structures together first, then each.

    Args:
        sources: Columns of the score table by name of the source; one row per case and structure.

    Returns:
        What was found, by pair in the order of `sources`, structures by name. Pairs without a label
        that both have scored have no entry.
    """
    return tuple(
        entry
        for first, second in combinations(sources, 2)
        for entry in _pair(first, sources[first], second, sources[second])
    )


def _pair(
    first: str, of_first: pl.DataFrame, second: str, of_second: pl.DataFrame
) -> Sequence[Preference]:
    on = ("case_id", "structure")
    paired = of_first.select(*on, "subject_id", "score").join(
        of_second.select(*on, other="score"), on=on, how="inner", maintain_order="left"
    )
    if not paired.height:
        return ()
    parts = {str(name): part for (name,), part in paired.sort(on).group_by("structure")}
    everything = [(ALL, paired), *sorted(parts.items())]
    return [_preference(name, first, second, part) for name, part in everything]


def _preference(structure: str, first: str, second: str, paired: pl.DataFrame) -> Preference:
    difference = (paired["score"] - paired["other"]).to_numpy()
    subjects = paired["subject_id"].to_numpy().astype(np.str_)
    share = float((np.sign(difference) + 1).mean() / 2)
    return Preference(
        structure,
        first,
        second,
        paired.height,
        paired["subject_id"].n_unique(),
        mean_by_subject(difference, subjects),
        share,
    )
