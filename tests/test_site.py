"""The site of the documents: built strictly, made from the code, and asking for nothing outside."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

import segassay
from segassay.cli.app import app
from segassay.records.scores import ScoreRow
from site_links import relink
from site_outside import outside_loads
from site_pages import command_line, decisions, python, score_table

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of mkdocs, or a load from outside, is an error."""
    pytest.importorskip("mkdocs", reason="needs the docs extra")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(out)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_site_holds_every_document(site: Path) -> None:
    docs = REPOSITORY / "docs"
    pages = {p.relative_to(docs).with_suffix(".html").as_posix() for p in docs.glob("**/*.md")}
    pages = {page.replace("README.html", "index.html") for page in pages}  # as mkdocs has it
    cards = {f"judges/{p.parent.name}.html" for p in REPOSITORY.glob("weights/*/card.md")}
    built = {p.relative_to(site).as_posix() for p in site.glob("**/*.html")}
    assert cards
    assert pages | cards | {"index.html", "contributing.html", "changelog.html"} <= built


def test_nothing_is_loaded_from_outside_and_nothing_but_pages_is_published(site: Path) -> None:
    assert outside_loads(site) == []
    assert list(site.glob("**/*.py")) == []


def test_the_reader_sees_names_of_python_and_not_directives(site: Path) -> None:
    text = (site / "reference" / "python.html").read_text()
    for name in segassay.__all__:
        assert name.startswith("_") or f">{name}<" in text.replace("</span>", "<"), name
    assert ":::" not in text


def test_search_works_on_a_page_opened_from_the_disk(
    site: Path, open_page: Callable[..., Any]
) -> None:
    page = open_page(site / "index.html", viewport={"width": 1280, "height": 900})
    page.locator(".md-search__input").fill("pseudonymise")
    found = page.locator(".md-search-result__link", has_text="report")
    found.first.wait_for(timeout=20_000)


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_window(
    site: Path, open_page: Callable[..., Any], width: int
) -> None:
    for name in ("index", "checks", "results/judges", "reference/command-line"):
        page = open_page(site / f"{name}.html", viewport={"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_loads_from_outside_are_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<link rel="stylesheet" href="https://fonts.example/a.css">'
        '<link rel="canonical" href="https://fine.example/">'
        '<a href="https://fine.example/">read</a><img src="../own.png">'
        '<img srcset="//cdn.example/b.png 2x"><script src="http://cdn.example/c.js"></script>'
        "<style>p { background: url(https://cdn.example/d.png) }</style>"
    )
    (tmp_path / "look.css").write_text('@import "https://fonts.example/e.css"; p { color: red }')
    addresses = sorted(line.rpartition("/")[2] for line in outside_loads(tmp_path))
    assert addresses == ["a.css", "b.png", "c.js", "d.png", "e.css"]


def test_links_lead_to_where_a_page_lies_on_the_site() -> None:
    moved = {"README.md": "index.md", "weights/j/card.md": "judges/j.md"}
    text = "[a](docs/fix.md#top) [b](weights/j/card.md) ![c](docs/p/c.png) [d](https://e.example/)"
    told = relink(text, "README.md", "index.md", moved)
    assert told == "[a](fix.md#top) [b](judges/j.md) ![c](p/c.png) [d](https://e.example/)"
    assert relink("[a](../../README.md)", "docs/x/y.md", "x/y.md", moved) == "[a](../index.md)"
    assert relink("[a](../z.md)", "docs/x/y.md", "x/y.md", moved) == "[a](../z.md)"
    with pytest.raises(ValueError, match=r"README.md: src/a.py is not on the site"):
        relink("[a](src/a.py)", "README.md", "index.md", moved)


def test_the_reference_holds_every_verb_and_option() -> None:
    text = command_line()
    commands: list[tuple[str, Any]] = [("segassay", typer.main.get_command(app))]
    for name, command in commands:
        inner = getattr(command, "commands", {})
        commands += [(f"{name} {own}", found) for own, found in inner.items()]
        if inner:
            continue
        _, heading, section = text.partition(f"\n## {name}\n")
        section = section.partition("\n## ")[0]
        assert heading, name
        for parameter in command.params:
            assert all(option in section for option in parameter.opts), (name, parameter.name)
    assert "| `--worst <int>` | Number of labels shown as pictures. | `20` |" in text


def test_the_reference_holds_every_column_and_public_name() -> None:
    table = score_table()
    for name, field in ScoreRow.model_fields.items():
        assert f"| `{name}` | " in table
        assert field.description
        assert field.description.replace("|", "\\|") in table
    told = [line.rpartition(".")[2] for line in python().splitlines() if line.startswith(":::")]
    assert sorted(told) == [name for name in segassay.__all__ if not name.startswith("_")]


def test_decisions_are_listed_by_their_headings() -> None:
    folder = REPOSITORY / "docs" / "decisions"
    lines = [line for line in decisions(folder).splitlines() if line.startswith("- ")]
    assert len(lines) == len(list(folder.glob("[0-9]*.md")))
    assert lines[0] == "- [The score table is the waist](0001-the-score-table-is-the-waist.md)"
