"""What a run of very many cases costs that is not scoring: to go on, and to be finished.

Results are made up, but lie in a run's folder as an audit leaves them: shards in columns and a
journal that a killed process left, every label with its row, its facts for the cohort checks and
its examined slices, one in a hundred with a finding. Each step runs in a process of its own, and
ends with its seconds and its peak of memory.

Usage: python -m benchmarks.design.scale FOLDER [--cases N] [--labels N] [--step write|known|finish]
"""

import argparse
import base64
import json
import re
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from segassay.auditing.audit_config import AuditConfig
from segassay.auditing.conclude import conclude
from segassay.datasets.case import Case, Dataset
from segassay.images.label_ref import LabelRef
from segassay.judge.scoring import load_judge
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.shards import CASES, CaseRecord, Shard, finished_ids, read_finished
from segassay.records.slices import SliceRow
from segassay.records.table import SCHEMA
from segassay.runs.configs import SourceConfig
from segassay.runs.result_folder import new_record
from segassay.types import Severity, Status

_CASES_EACH = 158
"""Cases of a columnar file, as many as a journal of 16 MiB holds."""

_IN_JOURNAL = 50
_SLICES = 12
_RARE = 100
"""One label in so many has a finding."""

_JUDGE = "judge-small"


def main() -> None:
    """Write results, then measure how long it takes to know what is done, and to finish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=104)
    parser.add_argument("--step", choices=sorted(STEPS), help="only this one, in this process")
    options = parser.parse_args()
    if options.step is not None:
        print(json.dumps(measured(options.step, options.folder, options.cases, options.labels)))
        return
    for step in STEPS:
        command = [sys.executable, "-m", "benchmarks.design.scale", *sys.argv[1:], "--step", step]
        subprocess.run(command, check=True)


def measured(step: str, out: Path, n_cases: int, n_labels: int) -> dict[str, object]:
    """Do a step and return what it took."""
    begun, spent = time.perf_counter(), time.process_time()
    found = STEPS[step](out, n_cases, n_labels)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "step": step,
        "seconds": round(time.perf_counter() - begun, 2),
        "processor_seconds": round(time.process_time() - spent, 2),
        "peak_gib": round(peak, 2),
        **found,
    }


def write(out: Path, n_cases: int, n_labels: int) -> dict[str, int]:
    """Write the shards of a run of which every case is finished, the last ones in a journal."""
    (out / "shards").mkdir(parents=True, exist_ok=True)
    tail = min(_IN_JOURNAL, n_cases // 2)
    some = [record(n, n, n_labels) for n in range(min(_CASES_EACH, n_cases - tail))]
    template = _in_columns(some)
    for number, first in enumerate(range(0, n_cases - tail, len(some))):
        n = min(len(some), n_cases - tail - first)
        content = BytesIO()
        _renamed(template.head(n), first).write_parquet(content)
        crc = zlib.crc32(content.getvalue())
        name = f"part-0001-of-0001-synthetic-{number:05d}-{crc:08x}.parquet"
        (out / "shards" / name).write_bytes(content.getvalue())
    left = (record(n, n, n_labels).to_json() for n in range(n_cases - tail, n_cases))
    journal = out / "shards" / "part-0001-of-0001-killed.jsonl"
    journal.write_text("".join(f"{line}\n" for line in left))
    return {"cases": n_cases, "labels": n_cases * n_labels}


def known(out: Path, n_cases: int, n_labels: int) -> dict[str, int]:
    """Find out which cases are finished, as a run does that goes on."""
    del n_labels
    found = finished_ids(out)
    if len(found) != n_cases:
        raise SystemExit(f"{len(found)} of {n_cases} cases are known to be finished")
    return {"cases": len(found)}


def finish(out: Path, n_cases: int, n_labels: int) -> dict[str, object]:
    """Make tables and report."""
    dataset = Dataset(out, "made up", "scale", tuple(cases(out, n_cases, n_labels)))
    config = AuditConfig(source=SourceConfig(path=out), out=out, judge=_JUDGE, n_worst=0)
    judge = load_judge(_JUDGE)
    about = {"name": "scale", "fingerprint": ""}
    run = new_record("audit", judge, argv=(), options={}, circumstances={}, dataset=about)
    result = conclude(config, dataset, dataset.cases, judge, run)
    if result.n_labels != n_cases * n_labels or result.report is None:
        raise SystemExit(f"{result.n_labels} of {n_cases * n_labels} labels in the report")
    pages = list((out / "cases").iterdir())
    return {
        "labels": result.n_labels,
        "findings": len(result.findings),
        "index_mib": round(result.report.stat().st_size / 2**20, 2),
        "largest_page_mib": round(max(p.stat().st_size for p in pages) / 2**20, 2),
        "pages": len(pages),
    }


Step = Callable[[Path, int, int], Mapping[str, object]]
STEPS: dict[str, Step] = {"write": write, "known": known, "finish": finish}


def cases(root: Path, n_cases: int, n_labels: int) -> Iterator[Case]:
    """Yield cases with one label map each, two to a subject."""
    names = [f"structure_{n}" for n in range(n_labels)]
    for n in range(n_cases):
        path = root / "labels" / f"{n}.nii.gz"
        labels = tuple(LabelRef(name, path, (v,)) for v, name in enumerate(names, start=1))
        image = root / "images" / f"{n}.nii.gz"
        sex = {"sex": "FM"[n // 2 % 2]}
        yield Case(f"case{n:06d}", f"subject{n // 2:06d}", (image,), labels, metadata=sex)


def record(n: int, seed: int, n_labels: int) -> CaseRecord:
    """Return what is kept of a case: rows, facts and slices for every label, and some findings."""
    rng = np.random.default_rng(seed)
    case_id, subject_id = f"case{n:06d}", f"subject{n // 2:06d}"
    rows, facts, findings, slices = [], [], [], []
    for k, score in enumerate(np.clip(0.9 - rng.exponential(0.08, n_labels), 0.01, 1).tolist()):
        name = f"structure_{k}"
        rows.append(
            ScoreRow(
                case_id=case_id,
                subject_id=subject_id,
                structure=name,
                label_path=f"labels/{n}.nii.gz",
                label_sha256=rng.bytes(32).hex(),
                score=score,
                score_lo=max(0.0, score - 0.15),
                score_hi=min(1.0, score + 0.15),
                reference_score=0.85,
                status=Status.SCORED,
                reason="low confidence: the interval is 0.30 wide" if k % 3 == 0 else "",
                error_type="too_small",
                presence=float(rng.random()),
                worst_slice=int(rng.integers(300)),
                worst_slice_score=float(rng.random()),
                n_slices=_SLICES,
                n_voxels=int(rng.integers(1, 10**6)),
                volume_ml=float(rng.random()),
                expected_volume_error=float(rng.normal()),
                expected_volume_error_ml=float(rng.normal()),
                expected_nsd=float(rng.random()),
                spacing_mm="0.8 0.8 1.5",
                evidence="tested on 214 labels of this structure, unseen in training",
                model_id="judge",
                preprocess="0" * 16,
                run_id="0" * 12,
                scored_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )
        facts.append(_facts(case_id, subject_id, name, rng, first=k == 0))
        slices += [SliceRow(name, "label", z, score, 100) for z in range(_SLICES)]
        if rng.random() < 1 / _RARE:
            message, step = "3 components, the largest holds 80 %", "remove what is not part of it"
            severity = Severity.ERROR if rng.random() < 0.1 else Severity.WARNING
            findings.append(Finding("components", severity, case_id, name, message, step, "label"))
    return CaseRecord(case_id, tuple(rows), tuple(findings), tuple(facts), "", tuple(slices))


def _facts(
    case_id: str, subject_id: str, name: str, rng: np.random.Generator, *, first: bool
) -> dict[str, object]:
    size = float(np.exp(rng.normal()))
    return {
        "case_id": case_id,
        "subject_id": subject_id,
        "structure": name,
        "source": "label",
        "n_voxels": 999,
        "size": size,
        "unit": "ml",
        "mask_sha256": rng.bytes(32).hex(),
        "image_sha256": case_id * 6,
        "cut": False,
        "split": "",
        "may_go_on": False,
        "image_print": _print(rng) if first else "",
    }


def _print(rng: np.random.Generator) -> str:
    return base64.b64encode(rng.bytes(256)).decode()


def _in_columns(records: list[CaseRecord]) -> pl.DataFrame:
    """Return records as a shard holds them."""
    with TemporaryDirectory() as folder:
        shard = Shard(Path(folder))
        for one in records:
            shard.append(one)
        shard.close()
        return pl.concat(read_finished(Path(folder), list(CASES)))


def _renamed(template: pl.DataFrame, first: int) -> pl.DataFrame:
    """Return the cases of a template as others, with scores, checksums and prints of their own."""
    rng = np.random.default_rng(first + 1)
    old = template["case_id"].to_list()
    new = [f"case{n:06d}" for n in range(first, first + len(old))]
    rows = template.select("rows").explode("rows").unnest("rows")
    shifted = (rows["score"] + rng.normal(0, 0.02, rows.height)).clip(0.01, 1)
    ids = pl.col("case_id").replace_strict(old, new)
    subjects = "subject" + (pl.col("case_id").str.slice(4).cast(pl.Int64) // 2).cast(
        pl.String
    ).str.zfill(6)
    rows = rows.with_columns(
        ids,
        score=shifted,
        label_path=pl.format("labels/{}.nii.gz", ids),
        label_sha256=pl.col("label_sha256").str.head(56) + f"{first:08d}",
    ).with_columns(subject_id=subjects)
    grouped = rows.group_by("case_id", maintain_order=True).agg(rows=pl.struct(SCHEMA.names()))
    texts: dict[str, list[str]] = {"findings": [], "facts": []}
    for before, after, facts, findings in zip(
        old, new, template["facts"], template["findings"], strict=True
    ):
        n = int(after[4:]) // 2
        text = facts.replace(before, after)
        text = re.sub(r'"subject\d+"', f'"subject{n:06d}"', text)
        text = re.sub(r'("mask_sha256": ".{56}).{8}', rf"\g<1>{first:08d}", text)
        texts["facts"].append(re.sub(r'"[\w+/]{200,}=*"', f'"{_print(rng)}"', text))
        texts["findings"].append(findings.replace(before, after))
    return template.with_columns(
        case_id=pl.Series(new), rows=grouped["rows"], **{k: pl.Series(v) for k, v in texts.items()}
    )


if __name__ == "__main__":
    main()
