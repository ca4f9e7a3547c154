"""Parts of a run: which are missing, and which one a task of a job array is."""

import json
from pathlib import Path

import pytest

from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.auditing.status import run_status
from segassay.cli import main
from segassay.cli.options import array_task
from segassay.errors import UsageError
from segassay.runs.configs import SourceConfig
from segassay.types import ExitCode


def check_part(root: Path, out: Path, part: int) -> None:
    source = SourceConfig(path=root)
    audit(AuditConfig(source=source, out=out, judge=None, part=part, parts=3, limit=4))


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_it_tells_which_parts_are_missing(
    phantom_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    check_part(phantom_set, out, 2)
    found = run_status(out)
    assert [(p.part, p.cases, p.done, p.missing) for p in found.parts] == [
        (1, 2, 0, 2),
        (2, 1, 1, 0),
        (3, 1, 0, 1),
    ]
    assert (found.missing, found.finished, found.exit_code) == (3, False, ExitCode.INCOMPLETE)
    assert run("audit", "--status", out, "--json") == 6
    assert json.loads(capsys.readouterr().out) == found.to_json()
    assert run("audit", "--status", out) == 6
    assert len(capsys.readouterr().out.splitlines()) == 2
    for part in (1, 3):
        check_part(phantom_set, out, part)
    assert run("audit", "--status", out) == 0
    assert run_status(out).finished


def test_a_run_whose_report_is_not_written_is_not_finished(
    phantom_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    monkeypatch.setattr("segassay.auditing.conclude._write", stopped)
    for part in (1, 2):
        check_part(phantom_set, out, part)
    with pytest.raises(KeyboardInterrupt):
        check_part(phantom_set, out, 3)
    found = run_status(out)
    assert (found.missing, found.finished) == (0, False)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="manifest"):
        run_status(tmp_path)


def task(number: int, count: int, least: int, most: int) -> dict[str, str]:
    values = {"ID": number, "COUNT": count, "MIN": least, "MAX": most}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"SLURM_ARRAY_TASK_ID": "3"}, None),
        (task(1, 8, 1, 8), (1, 8)),
        (task(8, 8, 1, 8), (8, 8)),
        (task(0, 8, 0, 7), (1, 8)),
        (task(12, 4, 10, 13), (3, 4)),
        (task(7, 1, 7, 7), (1, 1)),
    ],
)
def test_every_task_of_an_array_is_a_part(
    variables: dict[str, str], expected: tuple[int, int] | None
) -> None:
    assert array_task(variables) == expected


@pytest.mark.parametrize("number", [1, 5, 7])
def test_an_array_with_gaps_is_refused(number: int) -> None:
    with pytest.raises(UsageError, match="one after the other"):
        array_task(task(number, 3, 1, 7))


def test_a_task_does_its_part_and_says_so_unless_told_otherwise(
    phantom_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in task(2, 2, 1, 2).items():
        monkeypatch.setenv(name, value)
    words = ("pairs", phantom_set, "-q", "--per-label", "1", "--limit", "2", "--only", "liver")
    assert run(*words, "-o", tmp_path / "part") == 0
    assert "part 2 of 2" in capsys.readouterr().err
    assert not (tmp_path / "part" / "pairs.csv").exists()
    assert run(*words, "-o", tmp_path / "all", "--num-parts", "1") == 0
    assert (tmp_path / "all" / "pairs.csv").exists()
