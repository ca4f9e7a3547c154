"""The command line: data on stdout, words on stderr, documented exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti
from segassay.cli import main
from segassay.corruption.phantoms.simple_phantom import make_phantom


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


def test_info_counts(phantom_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", phantom_set, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["cases"], found["labels"]) == ("images+labels", 4, 32)
    assert found["structures"]["liver"] == 4
    assert found["unlabelled"] == found["unmatched"] == []
    assert run("info", phantom_set) == 0
    assert "4 cases, 4 subjects, 32 labels" in capsys.readouterr().out


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    phantom = make_phantom(1)
    image = write_nifti(tmp_path / "i.nii.gz", phantom.image, phantom.affine)
    mask = np.asarray(phantom.labels == 5, dtype=np.uint8)
    return image, write_nifti(tmp_path / "m.nii.gz", mask, phantom.affine)


def test_score_as_words_and_as_json(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("score", *pair, "--structure", "Liver", "--modality", "ct", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    assert found["status"] == "scored"
    assert {"index", "score", "n_pixels"} == set(found["slices"][0])
    assert run("score", *pair, "--structure", "liver") == 0
    assert "scored" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("score", "a.nii.gz", "b.nii.gz"), 3, "a.nii.gz: no such file"),
        (("info", "nowhere"), 2, "nowhere: no such file or folder"),
        (("info",), 2, "give either a data set"),
        (("frobnicate",), 2, "frobnicate"),
        (("audit", "x", "--fail-on", "sometimes"), 2, "expected error, warning"),
        (("audit", "x", "--limit", "0"), 2, "limit"),
        (("audit", "x", "--part-id", "3", "--num-parts", "2"), 2, "part 3 of 2"),
        (("audit", "x", "--overwrite", "--num-parts", "2"), 2, "remove the folder"),
        (("audit", "x", "--structure", "liver"), 2, "--structures picks some"),
        (("check", "x", "-j", "0"), 2, "jobs: Input should be greater"),
        (("info", "x", "--subject-regex", "("), 2, "--subject-regex"),
        (("train", "judge", "--config", "r.yaml", "--data", ".", "-o", "o"), 2, "no such recipe"),
    ],
)
def test_mistake_is_one_line_and_a_code(
    arguments: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    (line,) = streams.err.splitlines()
    assert line.startswith("segassay: ")
    assert words in line


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("segassay ")
    for verb in ("info", "check", "score", "audit", "demo", "train", "models", "evaluate", "pairs"):
        assert run(verb, "--help") == 0
