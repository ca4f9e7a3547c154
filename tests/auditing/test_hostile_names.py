"""A manifest may name cases, subjects, structures and columns as it likes: nothing escapes."""

import csv
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from conftest import write_picture
from segassay.cli import main

SCRIPT = "<script>document.title='owned'</script>"
NAMES = [
    SCRIPT,
    "../../escaped",
    "/etc/passwd",
    "..\\escaped",
    "CON",
    '=HYPERLINK("http://x","y")',
    "a;=1+1",
    "\"><img src=x onerror=document.title='owned'>",
    "{{ 7 * 7 }}",
    "turned\u202egnp.exe",
    "Same",
    "same",
    "a/b",
    "x" * 300,
    "javascript:document.title='owned'",
]


class Tags(HTMLParser):
    """Collects the tags of a page that could run or fetch something, and all event handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on"):
                self.found.append((tag, name))
            if name in {"href", "src"} and not (value or "").startswith(("data:image/webp", "#")):
                self.links.append(value or "")
        if tag in {"img", "iframe", "object", "embed", "base", "form", "link"}:
            self.found.append((tag, ""))
        if tag == "script":
            self.found.append((tag, ""))


@pytest.fixture
def hostile_set(tmp_path: Path) -> Path:
    """One small picture under many names, described in a table."""
    rng = np.random.default_rng(0)
    rows = []
    for n, name in enumerate(NAMES):
        mask = np.zeros((48, 64), dtype=np.uint8)
        mask[10:30, 10 : 30 + n] = 255
        write_picture(
            tmp_path / "set" / f"i{n}.png", rng.integers(0, 255, (48, 64), dtype=np.uint8)
        )
        write_picture(tmp_path / "set" / f"m{n}.png", mask)
        rows.append(
            {
                "case_id": name,
                "subject": name,
                "image": f"i{n}.png",
                "label": f"m{n}.png",
                "structure": name[:60],
                "split": SCRIPT,
                "scanner": f"{SCRIPT}{n % 2}",
            }
        )
    path = tmp_path / "set" / "manifest.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def audit(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["audit", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_nothing_escapes(hostile_set: Path, tmp_path: Path) -> None:
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    out = tmp_path / "deep" / "er" / "out"
    assert audit(hostile_set, "-o", out, "-q") == 0
    made = {p for p in tmp_path.rglob("*") if p.is_file()} - before
    assert all(out in path.parents for path in made)
    pages = list((out / "cases").iterdir())
    assert len({page.name.casefold() for page in pages}) == len(NAMES)
    for page in [out / "index.html", *pages]:
        tags = Tags()
        tags.feed(page.read_text(encoding="utf-8"))
        forms = [("form", "")] if page.name == "index.html" else []
        assert sorted(tags.found) == [*forms, ("script", "")], page
        for link in tags.links:
            name = link.partition("#")[0]
            assert (page.parent / name).resolve() in {out / "index.html", *pages}, link
        assert "\u202e" not in page.read_text(encoding="utf-8")


def test_the_tables_hold_the_names_and_no_formulas(hostile_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert audit(hostile_set, "-o", out, "-q", "--worst", "0") == 0
    with (out / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(NAMES)
    assert {row["case_id"].replace("'", "") for row in rows} == {n.replace("'", "") for n in NAMES}
    # A number may be negative; anything else that begins like a formula would be run as one.
    cells = [str(cell) for row in rows for cell in row.values()]
    words = [cell for cell in cells if not re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell)]
    assert not [cell for cell in words if cell.lstrip().startswith(("=", "+", "-", "@"))]
    issues = (out / "issues.md").read_text(encoding="utf-8")
    assert "<script" not in issues
    assert "\u202e" not in issues


def test_file_names_that_are_no_text_are_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = np.full((40, 50), 7, dtype=np.uint8)
    picture[5:20, 5:20] = 200
    for folder in ("images", "masks/liver"):
        write_picture(tmp_path / "set" / folder / "good.png", picture)
        path = tmp_path / "set" / folder / "bad.png"
        write_picture(path, picture)
        try:
            os.rename(path, os.fsencode(path.parent) + b"/b\xff.png")  # noqa: PTH104
        except OSError:
            pytest.skip("this file system holds no such names")
    assert audit(tmp_path / "set", "-o", tmp_path / "out", "--json", "-q") == 0
    assert json.loads(capsys.readouterr().out)["labels"] == 1
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count("its name is not UTF-8 text") == 4  # both files, as findings and listed
    with pytest.raises(SystemExit):
        main(["info", str(tmp_path / "set"), "--json"])
    unmatched = json.loads(capsys.readouterr().out)["unmatched"]
    assert [Path(entry["file"]).name for entry in unmatched] == ["b\\udcff.png"] * 2
    for path in (tmp_path / "set").rglob("good.png"):
        path.unlink()
    assert audit(tmp_path / "set", "-o", tmp_path / "none", "-q") == 2
    assert "no name is UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["data set", "results"])
def test_folders_whose_names_are_no_text_are_read_and_written(tmp_path: Path, place: str) -> None:
    odd = tmp_path / os.fsdecode(b"f\xff\xfe\n\x1b")
    try:
        odd.mkdir()
    except OSError:
        pytest.skip("this disk has no such names")
    root, out = (odd, tmp_path / "o") if place == "data set" else (tmp_path / "s", odd / "o")
    for folder in ("images", "masks/liver"):
        write_picture(root / folder / "a.png", np.eye(40, dtype=np.uint8))
    for verb in ("info", "check"):
        with pytest.raises(SystemExit) as ended:
            main([verb, str(root), *(("-o", str(out)) if verb == "check" else ())])
        assert ended.value.code == 0
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["exit_status"] == 0
    assert (out / "index.html").read_text(encoding="utf-8")
