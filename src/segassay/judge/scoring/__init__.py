"""Judging labels: from an image, a mask and a name to a score with an interval and a reason."""

from segassay.judge.scoring.judge import Judge
from segassay.judge.scoring.loading import judge_of, load_judge
from segassay.judge.scoring.result import Score, SliceScore, Suggestion

__all__ = ["Judge", "Score", "SliceScore", "Suggestion", "judge_of", "load_judge"]
