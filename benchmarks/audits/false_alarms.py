"""How many expert labels do the rules complain about? Every shared set, no judge.

Experts err, too, so not every warning here is false; but a curator who checks expert labels should
not drown. Reported per set: labels with a warning or an error, with a 95 % interval (bootstrap over
subjects, seed 0; where no label is flagged, the exact upper limit for that many subjects), and how
many findings each rule made; the JSON file lists every warning and error. A finding about a file or
a case counts for one label. Thresholds come from physics or from the training subjects of these
sets (`datasets.splits`); those of islands, holes, gaps and sizes were set with all subjects in
view. New data will draw more.

Usage: python -m benchmarks.audits.false_alarms DATA_ROOT [--out docs/results]
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.datasets.case import Dataset
from segassay.datasets.opening import open_dataset
from segassay.records.findings import Finding
from segassay.runs.configs import SourceConfig
from segassay.types import Severity

SETS = (
    ("btcv", "nnUNet_raw/Dataset101_BTCV"),
    ("acdc", "nnUNet_raw/Dataset027_ACDC"),
    ("hippocampus", "Task04_Hippocampus"),
    ("left_atrium", "Task90_LeftAtrium"),
    ("chaos_t2", "chaos_t2"),
    ("jsrt", "jsrt"),
    ("hc18", "hc18"),
    ("ph2", "ph2"),
)
DRAWS = 2000


def main() -> None:
    """Check every set and write `false_alarms.json` and a table in markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    results = {name: check(options.data / path) for name, path in SETS}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "false_alarms.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "false_alarms.md").write_text(table(results))
    print(table(results))


def check(root: Path) -> dict[str, object]:
    """Run the rules over one data set."""
    dataset = open_dataset(root)
    with tempfile.TemporaryDirectory() as out:
        source = SourceConfig(path=root)
        config = AuditConfig(source=source, out=Path(out), judge=None, overwrite=True)
        findings = audit(config, command="check").findings
    loud = [f for f in findings if f.severity is not Severity.INFO]
    share, low, high = rate(dataset, loud)
    return {
        "labels": dataset.n_labels,
        "subjects": len(dataset.subjects),
        "share": share,
        "share_lo": low,
        "share_hi": high,
        "errors": sum(f.severity is Severity.ERROR for f in findings),
        "warnings": sum(f.severity is Severity.WARNING for f in findings),
        "infos": sum(f.severity is Severity.INFO for f in findings),
        "loud": dict(sorted(Counter(f.check for f in loud).items())),
        "quiet": dict(sorted(Counter(f.check for f in findings if f not in loud).items())),
        "list": [
            [f.severity.value, f.check, f.case_id, f.structure or "", f.message] for f in loud
        ],
    }


def rate(dataset: Dataset, loud: Sequence[Finding]) -> tuple[float, float, float]:
    """Return the share of flagged labels and its interval over resampled subjects."""
    flagged = Counter(f.case_id for f in {(f.case_id, f.structure): f for f in loud}.values())
    per_subject = {subject: np.zeros(2) for subject in dataset.subjects}
    for case in dataset.cases:
        per_subject[case.subject_id] += (flagged[case.case_id], len(case.labels))
    counts = np.array(list(per_subject.values()))
    if not flagged:
        return 0.0, 0.0, float(1 - 0.05 ** (1 / len(counts)))
    drawn = np.random.default_rng(0).integers(len(counts), size=(DRAWS, len(counts)))
    sums = counts[drawn].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], (0.025, 0.975)).tolist()
    return float(counts[:, 0].sum() / counts[:, 1].sum()), low, high


def table(results: dict[str, dict[str, object]]) -> str:
    """Return the results as a markdown table."""
    lines = [
        "| set | labels | subjects | labels flagged | errors | warnings | infos | by rule |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for name, r in results.items():
        loud = r["loud"]
        rules = ", ".join(f"{k} {v}" for k, v in loud.items()) if isinstance(loud, dict) else ""
        share = f"{r['share']:.1%} ({r['share_lo']:.1%} to {r['share_hi']:.1%})"
        lines.append(
            f"| {name} | {r['labels']} | {r['subjects']} | {share} | {r['errors']} "
            f"| {r['warnings']} | {r['infos']} | {rules} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
