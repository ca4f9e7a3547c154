"""The documents say what is: links lead somewhere, commands exist, examples run."""

import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from conftest import write_nifti
from segassay import errors
from segassay.cli.app import app
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.types import ExitCode
from test_layers import MODULES, ROWS, row_of

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = [
    *REPOSITORY.glob("*.md"),
    *REPOSITORY.glob("docs/**/*.md"),
    *REPOSITORY.glob("weights/**/*.md"),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)

by_document = pytest.mark.parametrize(
    "path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY))
)


def commands(text: str) -> list[list[str]]:
    """Command lines of ours in code blocks and in backticks, split into words."""
    lines = [line for _, block in BLOCK.findall(text) for line in block.splitlines()]
    lines += re.findall(r"`(segassay [^`]+)`", BLOCK.sub("", text))
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if "seg" in line]
    return [line for line in words if line[:1] == ["segassay"]]


@by_document
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@by_document
def test_commands_and_their_options_exist(path: Path) -> None:
    for words in commands(path.read_text()):
        command: Any = typer.main.get_command(app)
        rest = words[1:]
        while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
            assert rest[0] in command.commands, words
            command = command.commands[rest.pop(0)]
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert {word for word in rest if word.startswith("-")} <= known, words


@by_document
def test_make_targets_exist(path: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)|`make (\w+)`", path.read_text(), flags=re.MULTILINE):
        assert f"\n{''.join(target)}:" in makefile


def test_the_architecture_names_every_folder_in_its_row() -> None:
    text = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text()
    table = re.findall(r"^\| (\d) \| ([^|]+) \|", text, flags=re.MULTILINE)
    told = [name for _, cell in table for name in re.findall(r"`(\w+)`", cell)]
    assert {name for row in ROWS for name in row} <= set(told) <= {module[0] for module in MODULES}
    assert len(told) == len(set(told))
    ranks = [row_of(name) for name in told]
    assert ranks == sorted(ranks)


def test_python_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files that the examples name are a phantom's."""
    phantom = make_phantom(1)
    liver = (phantom.labels == LABELS["liver"]).astype("uint8")
    write_nifti(tmp_path / "ct.nii.gz", phantom.image, phantom.affine)
    write_nifti(tmp_path / "liver.nii.gz", liver, phantom.affine)
    monkeypatch.chdir(tmp_path)
    texts = [path.read_text() for path in DOCUMENTS]
    examples = [code for text in texts for kind, code in BLOCK.findall(text) if kind == "python"]
    for code in examples:
        exec(compile(code, "example", "exec"), {})
    assert examples
    assert "scored" in capsys.readouterr().out


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "make test" in (REPOSITORY / "README.md").read_text()
    assert "\nmake test\n" in (REPOSITORY / ".ci" / "run").read_text()


def in_navigation(entries: Any) -> Iterator[str]:
    """Pages and patterns of pages that the site's navigation names."""
    if isinstance(entries, str):
        yield entries
        return
    for entry in entries.values() if isinstance(entries, dict) else entries:
        yield from in_navigation(entry)


def test_every_page_is_in_the_navigation() -> None:
    named = set(in_navigation(yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())["nav"]))
    docs = REPOSITORY / "docs"
    pages = [path.relative_to(docs).as_posix() for path in docs.glob("**/*.md")]
    assert pages
    assert [page for page in pages if not any(fnmatch(page, entry) for entry in named)] == []


def test_exit_codes_and_errors_are_told() -> None:
    text = (REPOSITORY / "docs" / "reference" / "exit-codes.md").read_text()
    rows = re.findall(r"^\| (\d+) \| [^|]+ \|([^|]*)\|$", text, flags=re.MULTILINE)
    assert [int(code) for code, _ in rows] == [int(code) for code in ExitCode]
    told = {name: int(code) for code, cell in rows for name in re.findall(r"`(\w+)`", cell)}
    ours: list[type[errors.SegassayError]] = [errors.SegassayError]
    for kind in ours:
        ours += kind.__subclasses__()
    assert told == {
        kind.__name__: kind.exit_code for kind in ours if kind.__module__ == errors.__name__
    }


def test_figures_about_trust_stand_in_the_results() -> None:
    """A row's figure is on the page that the row, or one above it, links to."""
    page = REPOSITORY / "docs" / "concepts" / "trust.md"
    rows = re.findall(r"^\| .+ \| (-?[\d.]+)%? \| (.+) \|$", page.read_text(), flags=re.MULTILINE)
    assert rows
    result = ""
    for figure, where in rows:
        link = re.search(r"\]\((.+)\)", where)
        result = (page.parent / link[1]).read_text() if link else result
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d])", result), (figure, where)
