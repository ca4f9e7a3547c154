"""The command line as a record keeps it."""

import json
from pathlib import Path

import pytest

from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.cli import main
from segassay.cli.typed import typed_words, typing
from segassay.runs.command_line import without_places
from segassay.runs.configs import SourceConfig


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["audit", "/home/ann/data/liver/"], ("audit", "liver")),
        (["-o", "../out", "--limit", "3"], ("-o", "out", "--limit", "3")),
        (["-o/home/ann/out", "-q"], ("-oout", "-q")),
        (
            ["--names=/home/ann/n.json", "--fail-on=score<0.7"],
            ("--names=n.json", "--fail-on=score<0.7"),
        ),
        (["--only", "liver,spleen", ""], ("--only", "liver,spleen", "")),
        (["/"], ("",)),
    ],
)
def test_paths_are_cut_to_their_names(words: list[str], kept: tuple[str, ...]) -> None:
    assert without_places(words) == kept


def test_a_command_is_known_only_while_it_runs() -> None:
    with typing(["info", "/data/a"]):
        assert typed_words() == ("info", "/data/a")
    assert typed_words() == ()


def test_a_run_from_python_tells_of_no_command(phantom_set: Path, tmp_path: Path) -> None:
    """Not even inside a program that has words of its own."""
    source = SourceConfig(path=phantom_set)
    with typing(["somebody", "else"]):
        audit(AuditConfig(source=source, out=tmp_path / "a", judge=None), command="check")
    assert json.loads((tmp_path / "a" / "manifest.json").read_text("utf-8"))["argv"] == []


def test_the_manifest_holds_the_command_without_its_places(
    phantom_set: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        main(["check", str(phantom_set), f"--out={out}", "--only", "liver", "-q"])
    assert ended.value.code == 0
    text = (out / "manifest.json").read_text()
    words = ["check", phantom_set.name, "--out=out", "--only", "liver", "-q"]
    assert json.loads(text)["argv"] == words
    assert str(tmp_path) not in text
