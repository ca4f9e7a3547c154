"""Judging labels: from an image, a mask and a name to a score with an interval and a reason."""

from segassay.scoring.judge import Judge, load_judge
from segassay.scoring.result import Score, SliceScore, Suggestion

__all__ = ["Judge", "Score", "SliceScore", "Suggestion", "load_judge"]
