"""Data sets of the semi-supervised tables: who has labels, who has none, who tests; and judges."""

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.audits.audit_sets import SETS, AuditedSet, refuse_if_seen
from benchmarks.frozen_test.frozen import RUNS
from benchmarks.unseen_data.planted_faults import table_row, write_table
from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.datasets.splits import natural_key
from segassay.fit.fit_config import FitConfig
from segassay.fit.fit_judge import fit_judge
from segassay.runs.configs import SourceConfig


class SemiSet(BaseModel):
    """A data set of a table.

    `labelled` subjects train with their labels and `validation` choose weights, drawn by lot from
    those that do not test; the last `test` subjects in natural order do. All others, and the
    labelled ones, are images without labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    labelled: int = Field(ge=1)
    validation: int = Field(ge=1)
    test: int = Field(ge=2)

    @property
    def audited(self) -> AuditedSet:
        """Where it lies, and which judges know it."""
        return next(entry for entry in SETS if entry.name == self.name)


@dataclass(frozen=True, slots=True)
class SemiData:
    """The parts of a data set; `labelled` holds the validation subjects, too."""

    labelled: Dataset
    unlabelled: Dataset
    test: Dataset


def divided(entry: SemiSet, data: Path) -> SemiData:
    """Divide a data set by subject, the same way for every cell and seed.

    Raises:
        SystemExit: It has too few subjects.
    """
    audited = entry.audited
    found = open_dataset(data / audited.path)
    cases = tuple(_experts(case, audited.blind) for case in found.cases)
    subjects = sorted({case.subject_id for case in cases if case.labels}, key=natural_key)
    rest = subjects[: -entry.test]
    wanted = entry.labelled + entry.validation
    if len(rest) < wanted:
        raise SystemExit(f"{entry.name}: {len(rest)} subjects to train, {wanted} are needed")
    step = len(rest) / wanted  # spread over the order: neighbours in it are often alike
    labelled = {rest[int(n * step)] for n in range(wanted)}

    def part(names: set[str], *, labels: bool) -> Dataset:
        """Return the cases of some subjects, with or without their labels."""
        own = (case for case in cases if case.subject_id in names)
        kept = tuple(case if labels else replace(case, labels=()) for case in own)
        return replace(found, cases=kept)

    return SemiData(
        part(labelled, labels=True),
        part(set(rest), labels=False),
        part(set(subjects[-entry.test :]), labels=True),
    )


def _experts(case: Case, blind: tuple[str, ...]) -> Case:
    return replace(case, labels=tuple(ref for ref in case.labels if ref.source not in blind))


def judge_for(entry: SemiSet, labelled: Dataset, judges: Path, minutes: float) -> Path:
    """Return the judge that guides: it never saw the group of the set but its labelled part.

    Made by `segassay fit --full` from the judge that learned from no set of the group, unless it is
    there; with no minutes that judge itself.
    """
    base = judges / f"without-{entry.audited.group}"
    refuse_if_seen(base, entry.audited)
    if not minutes:
        return base
    out = RUNS / "semisup" / "judges" / f"{entry.name}-{entry.labelled}-{minutes:g}"
    if not (out / "meta.json").exists():
        table = out.with_name(f"{out.name}.csv")
        write_table(table, [table_row(c, ref) for c in labelled.cases for ref in c.labels])
        source = SourceConfig(path=table)
        fit_judge(FitConfig(source=source, out=out, judge=str(base), full=True, minutes=minutes))
    return out
