"""The command line as a record keeps it."""

import json
from pathlib import Path

import pytest

from segassay.cli import main
from segassay.records.command_line import command_line, typed_command, without_places


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
    with typed_command(["info", "/data/a"]):
        assert command_line() == ("info", "a")
    assert command_line() == ()


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
