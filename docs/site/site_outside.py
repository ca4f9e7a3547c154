"""Finds what a built page would fetch from elsewhere as soon as somebody opens it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_LOADS = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
_HARMLESS_LINKS = {"canonical", "next", "prev", "alternate", "license", "author", "me"}
_ELSEWHERE = re.compile(r"(?:https?:)?//[^\s\"')]+", flags=re.IGNORECASE)
_IN_STYLES = re.compile(
    r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\s\"')]+)", flags=re.IGNORECASE
)


def outside_loads(site: Path) -> list[str]:
    """Return `page: address` for everything that pages and style sheets of `site` load from afar.

    Links that a reader follows by a click are not counted. Scripts may fetch what no file shows;
    a test opens the site in a browser for that.
    """
    found = []
    for path in sorted(site.rglob("*")):
        if path.suffix in {".html", ".css", ".svg"}:
            text = path.read_text(encoding="utf-8")
            addresses = _IN_STYLES.findall(text)
            if path.suffix != ".css":
                addresses += _loaded(text)
            found += [f"{path.relative_to(site).as_posix()}: {a}" for a in addresses]
    return found


def _loaded(text: str) -> Iterator[str]:
    tags = _Tags()
    tags.feed(text)
    yield from tags.found


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        names = _LOADS.get(tag, ())
        if tag == "link" and not _HARMLESS_LINKS & set((values.get("rel") or "").split()):
            names = ("href",)
        for name in names:
            self.found += _ELSEWHERE.findall(values.get(name) or "")
