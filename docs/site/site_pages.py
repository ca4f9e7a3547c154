"""Pages of the site that are made from the code itself, so that they cannot say something else."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main

import segassay
from segassay.cli.app import app
from segassay.records.remarks import SENTENCES
from segassay.records.scores import TABLE_VERSION, ScoreRow
from segassay.records.table import SCHEMA

_DEFAULT = re.compile(r"\s*\[(?:default: (?P<default>.+?)|(?P<required>required))\]$")
_MEMBERS: dict[str, Callable[[object], bool]] = {
    "functions": inspect.isfunction,
    "classes": inspect.isclass,
}


def command_line() -> str:
    """Return the reference of every verb: usage, what it does, arguments and options."""
    root = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        f"{root.help} `segassay VERB --help` says the same in the terminal. How a command ends: "
        "[exit codes](exit-codes.md).",
    ]
    for name, command in _verbs(root, "segassay"):
        lines += ["", f"## {name}", "", *_verb(name, command)]
    return "\n".join(lines) + "\n"


def _verbs(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for own, inner in command.commands.items():
        if hasattr(inner, "commands"):
            yield from _verbs(inner, f"{name} {own}")
        else:
            yield f"{name} {own}", inner


def _verb(name: str, command: Any) -> list[str]:
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.get_usage(context).removeprefix("Usage:").split())
    told = [parameter.get_help_record(context) for parameter in command.params]
    lines = [inspect.cleandoc(command.help or ""), "", "```", usage, "```"]
    rows = [_row(*record) for record in told if record is not None]
    if rows:
        lines += ["", "| | what | default |", "|---|---|---|", *rows]
    return lines


def _row(names: str, what: str) -> str:
    match = _DEFAULT.search(what)
    text = _cell(what[: match.start()] if match else what)
    if match is None:
        return f"| {_code(names)} | {text} | |"
    default = _code(match["default"]) if match["default"] else "required"
    return f"| {_code(names)} | {text} | {default} |"


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def score_table() -> str:
    """Return the columns of `scores.csv` and `scores.parquet`, with their types and meaning."""
    intro = (inspect.getdoc(ScoreRow) or "").partition("\n\n")[0]
    lines = [
        "# The score table",
        "",
        "`segassay audit` writes it as `scores.csv` for people and `scores.parquet` for programs. "
        "One row per label: per case, structure and source.",
        "",
        intro,
        "",
        f"Version {TABLE_VERSION} of the table; the number goes up when columns or their meaning "
        "change. What a score means: [in words](../concepts/quality.md).",
        "",
        "| column | type | what |",
        "|---|---|---|",
    ]
    for name, field in ScoreRow.model_fields.items():
        lines.append(f"| `{name}` | {SCHEMA[name]} | {_cell(field.description or '')} |")
    lines += [
        "",
        "## Remarks",
        "",
        "What `remarks` may hold, and the sentence that `reason` or `evidence` then has.",
        "",
        "| remark | sentence |",
        "|---|---|",
        *(f"| `{remark}` | {_cell(text)} |" for remark, text in SENTENCES.items()),
    ]
    return "\n".join(lines) + "\n"


def python() -> str:
    """Return directives for everything that `from segassay import ...` offers."""
    lines = [
        "# Python",
        "",
        "`from segassay import ...` offers these names. Each is loaded when it is first used, so "
        "that importing the package costs nothing. Nothing here needs torch.",
    ]
    for title, is_kind in _MEMBERS.items():
        lines += ["", f"## {title.capitalize()}"]
        lines += [f"\n::: {place}" for place in _public(is_kind)]
    return "\n".join(lines) + "\n"


def _public(is_kind: Callable[[object], bool]) -> Iterator[str]:
    for name in segassay.__all__:
        value = getattr(segassay, name)
        if is_kind(value):
            yield f"{value.__module__}.{value.__name__}"


def decisions(folder: Path) -> str:
    """Return a list of the decisions in `folder`, by their own headings."""
    lines = ["# Decisions", "", "Why the house is as it is: one short page per decision.", ""]
    for path in sorted(folder.glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"
