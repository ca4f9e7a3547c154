"""No case id, however made, shares a page with another or leaves the folder."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from segassay.files.file_names import page_names

TRICKS = [
    "../p1",
    "..",
    ".",
    "",
    "/etc/passwd",
    "C:\\p1",
    "p1/",
    "p1\n",
    "p1 ",
    "p1\0",
    "con",
    "NUL.txt",
    "p1.",
    "<script>",
    "p1#x",
    "p1?x",
    "p1%2e",
    "a" * 300,
    "\udcff",
    "\uff501",
    "é",
    "e\u0301",
    "p1",
]


def is_safe(name: str, folder: Path) -> bool:
    inside = (folder / name).resolve().parent == folder.resolve()
    return inside and name.isascii() and len(name) < 100 and not set(name) & set('<>:"/\\|?*# %&')


def test_plain_ids_keep_their_names() -> None:
    plain = ["BDMAP_00000001", "patient001_frame01", "sub-01.a"]
    assert list(page_names(plain).values()) == [f"{name}.html" for name in plain]


def test_tricks_get_safe_names_and_files_of_their_own(tmp_path: Path) -> None:
    names = page_names(TRICKS)
    assert len({name.casefold() for name in names.values()}) == len(TRICKS)
    for case_id, name in names.items():
        assert is_safe(name, tmp_path), (case_id, name)
        (tmp_path / name).write_text("x")
    assert len(list(tmp_path.iterdir())) == len(TRICKS)


def test_capitals_alone_do_not_tell_pages_apart() -> None:
    names = page_names(["Case", "case", "CASE", "other"])
    assert len({name.casefold() for name in names.values()}) == 4
    assert names["other"] == "other.html"


def test_the_name_of_a_hashed_page_cannot_be_taken() -> None:
    taken = page_names(["../p1"])["../p1"].removesuffix(".html")
    names = page_names(["../p1", taken])
    assert len(set(names.values())) == 2


@settings(deadline=None)
@given(st.lists(st.text(max_size=120), unique=True, max_size=12))
def test_any_ids(case_ids: list[str]) -> None:
    names = page_names(case_ids)
    assert len({name.casefold() for name in names.values()}) == len(case_ids)
    assert all(is_safe(name, Path("/nowhere/cases")) for name in names.values())
