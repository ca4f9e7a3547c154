"""How commands end: what a user can mend is one line, a bug shows its traceback, help is help."""

import errno
from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti
from segassay.cli import main
from segassay.corruption.phantoms.simple_phantom import make_phantom
from segassay.runs import configs


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("error", "code", "is_bug"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/out"), 2, False),
        (OSError(errno.ENOSPC, "No space left on device"), 2, False),
        (PermissionError(errno.EACCES, "Permission denied", "/x/out"), 2, False),
        (OSError(errno.EROFS, "Read-only file system", "/x/out"), 2, False),
        (OSError(), 1, True),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x/template"), 1, True),
        (ZeroDivisionError("planted\nsegassay: all labels are fine"), 1, True),
    ],
)
def test_only_what_the_system_refuses_is_the_users_to_mend(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    is_bug: bool,
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(configs, "open_dataset", fail)
    assert run("info", "x") == code
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("segassay: ") for line in lines].count(True) == 1
    assert lines[-1].startswith("segassay: ")
    assert "None" not in lines[-1]
    assert any("Traceback" in line for line in lines) is is_bug
    assert is_bug or len(lines) == 1


@pytest.mark.parametrize("kind", ["file", "in a file", "read-only"])
def test_an_output_that_cannot_be_written_is_one_line(
    phantom_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    out = tmp_path / "out"
    if kind == "read-only":
        out = Path("/proc/segassay-out")
    else:
        out.write_text("mine")
        out = out if kind == "file" else out / "deeper"
    assert run("check", phantom_set, "-o", out, "-q") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("segassay: ")


@pytest.mark.parametrize("words", [(), ("models",), ("train",)])
def test_a_verb_without_a_verb_shows_its_help(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    shown = capsys.readouterr().err.splitlines()
    assert run(*words, "--help") == 0
    assert shown == capsys.readouterr().out.splitlines()
    assert len(shown) > 8


def test_check_says_what_is_wrong_errors_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    for seed in (1, 2):
        phantom = make_phantom(seed)
        labels = phantom.labels.copy()
        if seed == 1:
            labels[labels == 5] = 99  # a value that nobody declared
            labels[:2, :2, :2] = 3
        write_nifti(root / "images" / f"p{seed}.nii.gz", phantom.image, phantom.affine)
        write_nifti(root / "labels" / f"p{seed}.nii.gz", labels, phantom.affine)
    names = '{"1": "spleen", "2": "kidney_right", "3": "kidney_left", "5": "liver"}'
    (root / "labels.json").write_text(names)
    assert run("check", root, "-o", tmp_path / "out", "-q") == 0
    lines = capsys.readouterr().err.splitlines()
    kinds = [line.partition(":")[0] for line in lines if line.startswith(("error:", "warning:"))]
    assert kinds == sorted(kinds)
    assert "error" in kinds
    assert "info" not in {line.partition(":")[0] for line in lines}
    assert run("check", root, "-o", tmp_path / "out", "-q", "-v") == 0
    verbose = capsys.readouterr().err.splitlines()
    assert len(verbose) > len(lines)


def test_the_worst_labels_end_an_audit(
    tmp_path: Path, phantom_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phantom = make_phantom(1)
    moved = np.roll(phantom.labels, 12, axis=0)
    write_nifti(phantom_set / "labels" / "p1.nii.gz", moved, phantom.affine)
    out = tmp_path / "out"
    asked = ("--only", "liver", "--judge", "judge-small", "--worst", "0")
    assert run("audit", phantom_set, "-o", out, *asked, "-q") == 0
    lines = capsys.readouterr().err.splitlines()
    first = lines.index("worst labels:") + 1
    shown = [line for line in lines[first:] if line.startswith("  ")]
    assert 1 <= len(shown) <= 4
    assert shown[0].split()[:2] == ["p1", "liver:"]
    assert str(out / "issues.md") in lines[-1]
