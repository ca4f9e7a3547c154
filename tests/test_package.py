"""The package as a newcomer meets it: light, complete, and as its documents say."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import segassay

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "src" / "segassay"
HEAVY = ("torch", "scipy", "matplotlib", "onnxruntime", "fastapi", "polars", "nibabel")


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    environment = {"PYTHONPATH": str(REPOSITORY / "src"), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


@pytest.mark.parametrize(
    "start",
    [
        "import segassay; segassay.__version__",
        "from segassay.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass",
    ],
)
def test_starting_is_light(start: str) -> None:
    code = f"import sys\n{start}\nprint('loaded:', *(m for m in {HEAVY} if m in sys.modules))"
    assert python(code).splitlines()[-1].strip() == "loaded:"


def test_public_names_are_sorted_and_there() -> None:
    names = [name for name in segassay.__all__ if not name.startswith("_")]
    assert names == sorted(names)
    for name in names:
        assert getattr(segassay, name).__module__.startswith("segassay.")
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = segassay.no_such_name


def test_nothing_needs_a_network(tmp_path: Path) -> None:
    """With sockets that refuse to open, the demo runs from end to end."""
    code = f"""
import socket
def refuse(*_, **__): raise OSError("no network here")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from segassay.cli import main
main(["demo", "-o", {str(tmp_path / "demo")!r}, "--json"])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"planted"' in done.stdout


def test_no_library_keeps_a_diary(tmp_path: Path) -> None:
    """Loading the judge leaves nothing in the user's home: onnxruntime would, left alone."""
    code = "from segassay import load_judge; load_judge()"
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "c")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def functions() -> list[tuple[str, ast.FunctionDef]]:
    trees = {p: ast.parse(p.read_text()) for p in sorted(PACKAGE.rglob("*.py"))}
    return [
        (f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}", node)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]


def test_functions_are_short_and_public_ones_described() -> None:
    long = [n for n, f in functions() if (f.end_lineno or 0) - f.body[0].lineno > 60]
    silent = [n for n, f in functions() if not f.name.startswith("_") and not ast.get_docstring(f)]
    assert long == []
    assert silent == []


def test_files_are_short_and_named_for_what_they_hold() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 350, path
        assert not {"utils", "helpers", "common", "misc"} & set(path.with_suffix("").parts), path


def documents() -> list[Path]:
    return [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]


@pytest.mark.parametrize("path", documents(), ids=lambda p: p.name)
def test_links_and_commands_of_the_documents_exist(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
    verbs = {"info", "check", "score", "audit", "demo", "train"}
    for verb in re.findall(r"^\$? ?segassay (\w+)", text, flags=re.MULTILINE):
        assert verb in verbs
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)`", text):
        assert f"\n{target}:" in makefile


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "make test" in (REPOSITORY / "README.md").read_text()
    assert "make test" in (REPOSITORY / ".ci" / "run").read_text()
