"""Where a rule leaves no doubt it overrides the judge: tables, report and gates then agree."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import polars as pl

from segassay.checks.all_checks import CERTAIN
from segassay.records.findings import Finding
from segassay.records.remarks import comment
from segassay.records.scores import ScoreRow
from segassay.records.table import with_rows
from segassay.records.triage import KEY, key_of
from segassay.types import Remark, Status

Label = tuple[str, str, str | None]
"""Case, structure and source."""


def with_rules(frame: pl.DataFrame, findings: Iterable[Finding]) -> pl.DataFrame:
    """Return a score table, rows that a certain rule names with a score of its cap at most.

    What the judge said stays in `judge_score`. Such a row counts as scored however little the
    judge trusted itself: the rule does not rest on it. Rows without a score stay as they are.
    """
    rules: dict[Label, list[str]] = defaultdict(list)
    for finding in findings:
        certain = CERTAIN.get(finding.check)
        for structure in () if certain is None else certain.structures(finding):
            rules[finding.case_id, structure, finding.source].append(finding.check)
    named = pl.DataFrame(list(rules), schema=dict.fromkeys(KEY, pl.String), orient="row")
    scored = frame.select(*KEY, "score", place=pl.int_range(pl.len())).filter(
        ~pl.col("score").is_nan()
    )
    places = scored.join(named, KEY, how="semi")["place"]
    return with_rows(frame, places, lambda row: _overridden(row, rules[key_of(row)]))


def _overridden(row: ScoreRow, rules: Sequence[str]) -> ScoreRow:
    rule = min(rules, key=lambda name: CERTAIN[name].cap)
    cap = CERTAIN[rule].cap
    why = comment(Remark.RULE_OVERRIDES, rule=rule, cap=cap, score=row.score)
    return row.model_copy(
        update={
            "score": min(row.score, cap),
            "score_lo": min(row.score_lo, cap),
            "score_hi": min(row.score_hi, cap),
            "judge_score": row.score,
            "status": Status.SCORED,
            "error_type": "wrong_place" if cap == 0 else "",
            "reason": "; ".join(text for text in (why.text, row.reason) if text),
            "remarks": row.remarks | {Remark.RULE_OVERRIDES},
            "flags": " ".join(dict.fromkeys((*row.flags.split(), *rules))),
        }
    )
