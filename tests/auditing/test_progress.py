"""Long commands tell how far they are, phase by phase."""

from collections import defaultdict
from pathlib import Path

import pytest

from conftest import write_phantoms
from segassay.auditing.audit import audit, n_jobs
from segassay.auditing.audit_config import AuditConfig
from segassay.records.table import read_table
from segassay.runs.configs import SourceConfig

TIMES = ["scored_at", "run_id"]


class Told:
    """Remembers what it was told of every phase."""

    def __init__(self) -> None:
        self.phases: dict[str, list[tuple[int, int, str]]] = defaultdict(list)

    def __call__(self, phase: str, done: int, total: int, name: str) -> None:
        self.phases[phase].append((done, total, name))


def config(root: Path, out: Path, *, limit: int | None = None, n_worst: int = 2) -> AuditConfig:
    return AuditConfig(
        source=SourceConfig(path=root), out=out, limit=limit, n_worst=n_worst, judge="judge-v0"
    )


def test_one_case_alone_tells_of_its_labels_and_scores_the_same(tmp_path: Path) -> None:
    root = write_phantoms(tmp_path / "set", [1])
    told = Told()
    audit(config(root, tmp_path / "told"), progress=told)
    audit(config(root, tmp_path / "silent", n_worst=0))
    checked, scored, cases = (
        told.phases[phase] for phase in ("labels checked", "labels scored", "cases")
    )
    n_labels = checked[0][1]
    assert [done for done, _, _ in checked] == list(range(n_labels + 1))
    assert (scored[0][0], scored[-1][0]) == (0, n_labels)
    assert [done for done, _, _ in cases] == [0, 1]
    assert told.phases["labels drawn"][-1][0] == told.phases["labels drawn"][-1][1] > 0
    one, other = (read_table(tmp_path / name).drop(TIMES) for name in ("told", "silent"))
    assert one["case_id"].equals(other["case_id"])
    assert one["score"].to_list() == pytest.approx(other["score"].to_list(), abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("wanted", "n_cases", "n"),
    [(1, 9, 1), (4, 9, 4), (4, 1, 1), (4, 0, 1), (None, 1, 1), (None, 3, 1), (None, 40, 3)],
)
def test_no_more_processes_than_cases_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, wanted: int | None, n_cases: int, n: int
) -> None:
    monkeypatch.setattr("segassay.auditing.audit.usable_cores", lambda: 3)
    monkeypatch.setattr("segassay.auditing.audit.memory_bytes", lambda: 2**40)
    assert n_jobs(wanted, n_cases) == n


def test_little_memory_means_few_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segassay.auditing.audit.usable_cores", lambda: 64)
    monkeypatch.setattr("segassay.auditing.audit.memory_bytes", lambda: 2**30)
    assert n_jobs(None, 1000) == 1
