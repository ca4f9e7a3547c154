"""The order of the house: a package imports only from rows above its own, and its own libraries."""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "segassay"

ROWS: tuple[tuple[str, ...], ...] = (
    ("errors", "types"),
    ("extras",),
    ("geometry", "metrics", "vocabulary", "files"),
    ("images", "records"),
    ("datasets",),
    ("judge",),
    ("checks", "corruption"),
    ("report", "runs"),
)
"""What verbs stand on. Every other package is a verb, but for the command line above them all."""

VERBS = {
    "auditing": {"fit"},
    "demo": {"auditing"},
    "fit": {"training"},
    "semisup": {"segment"},
    "synthesize": {"segment"},
    "weak": {"segment"},
}
"""Which verb may call which other one: an audit can learn first, and learning is training; what
learns from weak labels, from images without any, or to draw images, is trained as segmenters are.
"""

JUDGE = (
    "inputs",
    "documents",
    "networks",
    "context",
    "engines",
    "comparison",
    "estimates",
    "calibration",
    "scoring",
)
"""The judge's own rows; a sub-package imports only those before it."""

ENTRY = {"__init__", "__main__"}
WITHOUT_A_MODEL = {"report", "compare", "bias", "select"}
"""What lies below the score table works on rows alone: up to `datasets`, and `report` for pages."""

LIBRARIES: dict[str, set[str]] = {
    "errors": set(),
    "types": set(),
    "extras": set(),
    "geometry": {"numpy", "scipy"},
    "metrics": {"numpy", "scipy"},
    "vocabulary": {"numpy"},
    "files": {"isal", "polars"},
    "images": {"numpy", "scipy", "nibabel", "isal", "PIL"},
    "records": {"numpy", "polars", "pydantic"},
    "datasets": {"numpy"},
    "judge.inputs": {"numpy", "scipy", "PIL"},
    "judge.documents": {"pydantic", "pydantic_core"},
    "judge.networks": {"numpy", "torch", "monai", "onnx", "safetensors"},
    "judge.context": {"numpy"},
    "judge.engines": {"numpy", "onnxruntime"},
    "judge.comparison": {"numpy", "scipy"},
    "judge.estimates": {"numpy"},
    "judge.calibration": {"numpy", "scipy"},
    "judge.scoring": {"numpy"},
    "checks": {"numpy"},
    "corruption": {"numpy", "scipy"},
    "report": {"numpy", "polars", "jinja2", "PIL"},
    "runs": {"numpy", "polars", "pydantic"},
    "auditing": {"numpy", "polars", "pydantic"},
    "evaluation": {"numpy", "pydantic"},
    "fit": {"numpy", "pydantic"},
    "fix": {"numpy", "nibabel", "pydantic"},
    "pairs": {"numpy", "pydantic"},
    "training": {
        "numpy",
        "scipy",
        "safetensors",
        "torch",
        "lightning_fabric",
        "monai",
        "pydantic",
        "yaml",
    },
    "models": {"torch"},
    "segment": {"numpy", "pydantic", "yaml", "torch", "monai", "lightning_fabric", "onnx"},
    "weak": {"numpy", "scipy", "PIL", "torch"},
    "synthesize": {
        "numpy",
        "pydantic",
        "torch",
        "monai",
        "lightning_fabric",
        "safetensors",
        "PIL",
    },
    "semisup": {"numpy", "pydantic", "torch"},
    "demo": {"numpy", "scipy", "nibabel"},
    "compare": {"numpy", "polars", "jinja2"},
    "bias": {"numpy", "scipy", "polars"},
    "select": {"numpy", "scipy", "polars"},
    "cli": {"typer", "polars", "pydantic"},
}
"""Of verbs that are not named here: numpy alone."""


def module_of(path: Path) -> tuple[str, ...]:
    """A file's module below `segassay`, its package for an `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if module_of(p) not in {(), ("__main__",)}]
MODULES = {module_of(path) for path in FILES}
PACKAGES = sorted({module_of(p) for p in FILES if p.name == "__init__.py"})


@cache
def imports(path: Path) -> tuple[tuple[tuple[str, ...], int], ...]:
    """Every imported module of a file, also those inside functions, as its parts with a line."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[tuple[str, ...], int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((tuple(alias.name.split(".")), node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = tuple((node.module or "").split("."))
            for alias in node.names:
                inner = (*module, alias.name)
                yield inner if inner[1:] in MODULES else module, node.lineno


def place_of(module: tuple[str, ...]) -> str:
    """The place whose libraries a module may use: a package, or a sub-package of the judge."""
    return ".".join(module[: 2 if module[0] == "judge" else 1])


def test_every_folder_has_its_row() -> None:
    assert {name for row in ROWS for name in row} | {"cli"} <= {module[0] for module in MODULES}
    assert {m[1] for m in MODULES if m[0] == "judge" and len(m) > 1} == set(JUDGE)
    assert set(LIBRARIES) <= {place_of(module) for module in MODULES} - {"judge"}


def row_of(package: str) -> int:
    """The row of a package: as above, else that of the verbs or, above all, the command line."""
    rows = [number for number, row in enumerate(ROWS) if package in row]
    return rows[0] if rows else len(ROWS) + (package == "cli")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = module_of(path)
    for module, line in imports(path):
        where = f"{path.relative_to(PACKAGE)}:{line} imports {'.'.join(module)}"
        if module[0] != "segassay":
            if module[0] not in sys.stdlib_module_names:
                assert module[0] in LIBRARIES.get(place_of(own), {"numpy"}), where
        elif len(module) == 1:  # the package itself, for its version
            assert own[0] == "cli", where
        else:
            assert _may_import(own, module[1:]), where


def _may_import(own: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if own[0] == other[0] == "judge" and own[1] != other[1]:
        return JUDGE.index(other[1]) < JUDGE.index(own[1])
    if own[0] == other[0] or other[0] in VERBS.get(own[0], ()):
        return True
    if own[0] in WITHOUT_A_MODEL:
        return row_of(other[0]) <= row_of("datasets") or (own[0] != other[0] == "report")
    return row_of(other[0]) < row_of(own[0])


@pytest.mark.parametrize("package", PACKAGES, ids=".".join)
def test_no_package_runs_in_circles(package: tuple[str, ...]) -> None:
    """Modules and sub-packages of a package, each taken as one, import one another in one order."""
    graph: dict[str, set[str]] = {}
    for path in FILES:
        own = module_of(path)
        for module, _ in imports(path):
            depth = len(package)
            other = module[1:]
            if own[:depth] == other[:depth] == package and min(len(own), len(other)) > depth:
                graph.setdefault(own[depth], set()).add(other[depth])
    assert _circle({name: others - {name} for name, others in graph.items()}) == []


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    """What is left when all that imports nothing of the rest was taken away, again and again."""
    left = dict(graph)
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


@pytest.mark.parametrize("folder", [(), *PACKAGES], ids=lambda f: ".".join(f) or "segassay")
def test_no_folder_is_a_pile(folder: tuple[str, ...]) -> None:
    """More than about twenty modules in one folder need sub-packages."""
    assert len(list(PACKAGE.joinpath(*folder).glob("[!_]*.py"))) <= 20
