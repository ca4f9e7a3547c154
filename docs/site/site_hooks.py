"""What mkdocs calls while it builds the site: see `mkdocs.yml`, `make docs`."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import site_pages
from site_links import relink
from site_outside import outside_loads

ROOT = Path(__file__).parents[2]
_FROM_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "weights/README.md": "judges/index.md",
}
_CARDS = {f"weights/{p.parent.name}": p for p in sorted(ROOT.glob("weights/*/card.md"))}
_MOVED = {
    **_FROM_ROOT,
    **{f"{name}/card.md": f"judges/{path.parent.name}.md" for name, path in _CARDS.items()},
}
_GENERATED: dict[str, Callable[[], str]] = {
    "reference/command-line.md": site_pages.command_line,
    "reference/score-table.md": site_pages.score_table,
    "reference/python.md": site_pages.python,
    "decisions/index.md": lambda: site_pages.decisions(ROOT / "docs" / "decisions"),
}
_WIDE = ("results/*", "checks.md", "layouts.md", "judges/*")
"""Pages of wide tables; they go without a table of contents at their side."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Write patterns of the navigation, as in `results/*.md`, out as pages not named elsewhere."""
    entries = config.nav or []
    config.nav = [_written_out(entry, set(_named(entries))) for entry in entries]
    return config


def _named(entries: Any) -> Iterator[str]:
    if isinstance(entries, str):
        yield entries
        return
    for entry in entries.values() if isinstance(entries, dict) else entries:
        yield from _named(entry)


def _written_out(entry: Any, named: set[str]) -> Any:
    if not isinstance(entry, dict):
        return entry
    (title, inside), *_ = entry.items()
    if not isinstance(inside, list):
        return entry
    pages: list[Any] = []
    for one in inside:
        is_pattern = isinstance(one, str) and "*" in one
        pages += _matching(one, named) if is_pattern else [_written_out(one, named)]
    return {title: pages}


def _matching(pattern: str, named: set[str]) -> list[str]:
    there = {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").glob("**/*.md")}
    every = there | set(_MOVED.values()) | set(_GENERATED)
    return sorted(page for page in every - named if fnmatch(page, pattern))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in `docs`."""
    texts = {page: (ROOT / source).read_text(encoding="utf-8") for source, page in _MOVED.items()}
    texts |= {page: make() for page, make in _GENERATED.items()}
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the page's links to where their targets lie on the site; give wide tables room."""
    del config, files
    here = page.file.src_uri
    if any(fnmatch(here, pattern) for pattern in _WIDE):
        page.meta["hide"] = ["toc"]
    sources = {to: source for source, to in _MOVED.items()}
    moved = {**_MOVED, "docs/decisions": "decisions/index.md"}
    try:
        return relink(markdown, sources.get(here, f"docs/{here}"), here, moved)
    except ValueError as error:
        raise PluginError(str(error)) from error


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that would ask for anything outside itself."""
    found = outside_loads(Path(config.site_dir))
    if found:
        raise PluginError("the site loads from outside: " + "; ".join(found[:5]))
