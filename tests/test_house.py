"""The habits the house holds itself to, where ruff and mypy have no rule for them."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "segassay"
TREES = {p: ast.parse(p.read_text()) for p in sorted(PACKAGE.rglob("*.py"))}
DRAWERS = {"utils", "util", "helpers", "common", "misc", "internal"}

_MATCHING = {"startswith", "endswith", "find", "count", "removeprefix", "removesuffix"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """All nodes of these kinds, each with the place where it stands."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}", node


def test_public_functions_and_classes_are_described() -> None:
    """Wherever they stand: a name without an underscore is for somebody else to read."""
    plain = []
    for where, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
        assert isinstance(node, Function | ast.ClassDef)
        if not node.name.startswith("_") and not ast.get_docstring(node):
            plain.append(f"{where} {node.name}")
    assert plain == []


def test_modules_are_described() -> None:
    assert [path for path, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_modules_are_named_for_what_they_hold() -> None:
    parts = {part for path in TREES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert not parts & DRAWERS


def test_no_assert_and_no_print() -> None:
    """What a user can cause is an error with a message; what is printed is printed in `cli`."""
    assert [where for where, _ in nodes(ast.Assert)] == []
    calls = [(w, n.func) for w, n in nodes(ast.Call) if isinstance(n, ast.Call)]
    printed = [w for w, f in calls if isinstance(f, ast.Name) and f.id in {"print", "input"}]
    assert [where for where in printed if not where.startswith("cli/")] == []


def test_no_error_is_swallowed() -> None:
    """A handler of any error passes it on under our name or hands it to somebody."""
    silent = []
    for where, node in nodes(ast.ExceptHandler):
        assert isinstance(node, ast.ExceptHandler)
        caught = ast.unparse(node.type) if node.type else "everything"
        broad = caught in {"everything", "Exception", "BaseException"}
        if broad and all(isinstance(line, ast.Pass | ast.Continue) for line in node.body):
            silent.append(where)
    assert silent == []


def test_no_words_of_a_row_are_matched() -> None:
    """`reason` and `evidence` are for people; programs ask `remarks` (`types.Remark`)."""
    benchmarks = PACKAGE.parents[1] / "benchmarks"
    trees = {**TREES, **{p: ast.parse(p.read_text()) for p in sorted(benchmarks.rglob("*.py"))}}
    matched = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            asked: list[ast.expr] = []
            if isinstance(node, ast.Compare):
                isin = (ast.In, ast.NotIn)
                pairs = zip(node.ops, node.comparators, strict=True)
                asked = [other for op, other in pairs if isinstance(op, isin)]
            elif isinstance(node, ast.Attribute) and node.attr in _MATCHING:
                asked = [node.value]
            words = [x for x in asked if isinstance(x, ast.Attribute)]
            if any(x.attr in {"reason", "evidence"} for x in words):
                matched.append(f"{path.name}:{words[0].lineno}")
    assert matched == []


def test_text_is_written_and_read_as_utf8() -> None:
    """What the machine prefers is another encoding on Windows, and there alone."""
    unsaid = []
    for where, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        if _as_text(node) and not any(word.arg == "encoding" for word in node.keywords):
            unsaid.append(f"{where} {ast.unparse(node)[:60]}")
    assert unsaid == []


OPENED_OTHERWISE = ("os", "tarfile", "source", "config()", "destination")
"""Ends of what has an `open` of its own that takes no encoding."""


def _as_text(call: ast.Call) -> bool:
    """Whether a call reads or writes text without a second positional argument for its encoding."""
    function, arguments = call.func, call.args
    name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
    if isinstance(function, ast.Attribute) and name in {"read_text", "write_text"}:
        ours = ast.unparse(function.value) == "filesystem"
        return not ours and len(arguments) < (1 if name == "read_text" else 2)
    if name not in {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile", "TextIOWrapper"}:
        return False
    if isinstance(function, ast.Attribute) and ast.unparse(function.value).endswith(
        OPENED_OTHERWISE
    ):
        return False
    modes = [*arguments, *(word.value for word in call.keywords if word.arg == "mode")]
    told = [mode.value for mode in modes if isinstance(mode, ast.Constant)]
    if arguments and not told:
        return isinstance(function, ast.Name)  # a member of an archive, a picture
    return not any(isinstance(mode, str) and "b" in mode for mode in told)


def test_errors_show_what_came() -> None:
    """At least nine in ten messages hold a value; the rest are about options that exclude."""
    blind, total = [], 0
    for where, node in nodes(ast.Raise):
        assert isinstance(node, ast.Raise)
        if not isinstance(node.exc, ast.Call) or not node.exc.args:
            continue
        total += 1
        if all(isinstance(argument, ast.Constant) for argument in node.exc.args):
            blind.append(where)
    assert len(blind) <= total / 10, blind


def test_json_holds_no_number_that_json_does_not_know() -> None:
    """NaN and infinity are an error where they cannot be, else `strict_json` makes them null."""
    calls = [(w, n) for w, n in nodes(ast.Call) if isinstance(n, ast.Call)]
    dumps = [(w, n) for w, n in calls if ast.unparse(n.func) == "json.dumps"]
    assert dumps
    assert [w for w, n in dumps if "allow_nan=False" not in ast.unparse(n)] == []
