"""The order of the house: a row imports only rows above it, and only its own libraries."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "segassay"

ROWS: tuple[tuple[str, ...], ...] = (
    ("errors", "types"),
    ("extras",),
    ("geometry", "metrics", "vocabulary", "records"),
    ("data",),
    ("checks", "context", "models", "repair"),
    ("engines",),
    ("scoring", "training"),
    ("report",),
    ("pipelines",),
    ("cli",),
)
ROW_OF = {name: number for number, row in enumerate(ROWS) for name in row}
ENTRY = {"__init__", "__main__"}
WITHOUT_A_MODEL = {"report"}
"""What lies below the score table works on rows alone: it may use rows up to `data`."""

LIBRARIES: dict[str, set[str]] = {
    "errors": set(),
    "types": set(),
    "extras": set(),
    "geometry": {"numpy", "scipy"},
    "metrics": {"numpy", "scipy"},
    "vocabulary": {"numpy"},
    "records": {"polars", "pydantic"},
    "data": {"numpy", "scipy", "nibabel", "isal", "PIL", "polars"},
    "checks": {"numpy"},
    "context": {"numpy"},
    "models": {"torch", "monai", "pydantic", "pydantic_core"},
    "repair": {"numpy", "nibabel"},
    "engines": {"numpy", "onnxruntime"},
    "scoring": {"numpy", "scipy"},
    "training": {
        "numpy",
        "scipy",
        "onnx",
        "safetensors",
        "torch",
        "lightning_fabric",
        "monai",
        "pydantic",
        "yaml",
    },
    "report": {"numpy", "jinja2", "PIL"},
    "pipelines": {"numpy", "pydantic", "yaml"},
    "cli": {"typer", "pydantic"},
}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every imported module of a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or "", node.lineno


def place_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if place_of(p) not in ENTRY]


def test_every_folder_has_its_row() -> None:
    assert {place_of(path) for path in FILES} == set(ROW_OF) == set(LIBRARIES)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = place_of(path)
    for module, line in imports(path):
        where = f"{path.relative_to(PACKAGE)}:{line} imports {module}"
        parts = module.split(".")
        if parts[0] == "segassay":
            if len(parts) == 1:  # the package itself, for its version
                assert own == "cli", where
                continue
            other = parts[1]
            ceiling = ROW_OF["data"] + 1 if own in WITHOUT_A_MODEL else ROW_OF[own]
            assert other == own or ROW_OF[other] < ceiling, where
        elif parts[0] not in sys.stdlib_module_names:
            assert parts[0] in LIBRARIES[own], where
