"""Where a rule leaves no doubt it overrides the judge: tables, report and gates then agree."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import isnan

from segassay.checks.all_checks import CERTAIN
from segassay.records.findings import Finding
from segassay.records.remarks import comment
from segassay.records.scores import ScoreRow
from segassay.types import Remark, Status

Label = tuple[str, str | None, str]
"""Case, source and structure."""


def with_rules(rows: Sequence[ScoreRow], findings: Iterable[Finding]) -> tuple[ScoreRow, ...]:
    """Return rows, those that a finding of a certain rule names with a score of its cap at most.

    What the judge said stays in `judge_score`. Such a row counts as scored however little the
    judge trusted itself: the rule does not rest on it. Rows without a score stay as they are.
    """
    rules: dict[Label, list[str]] = defaultdict(list)
    for finding in findings:
        certain = CERTAIN.get(finding.check)
        for structure in () if certain is None else certain.structures(finding):
            rules[finding.case_id, finding.source, structure].append(finding.check)
    return tuple(_overridden(row, rules[row.case_id, row.source, row.structure]) for row in rows)


def _overridden(row: ScoreRow, rules: Sequence[str]) -> ScoreRow:
    if not rules or isnan(row.score):
        return row
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
