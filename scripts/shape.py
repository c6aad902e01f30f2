"""The shape of the code: prints each bar and what is over it; exit code 1 if anything new is.

    python scripts/shape.py

Bodies are counted in lines without their docstring. A class's attributes are what its methods assign to `self`; the
declared fields of a value are its signature. A task is owned when a TaskGroup starts it, or when its statement keeps it
under a name, which its owner cancels or waits for.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE, TESTS = ROOT / "src" / "lineside", ROOT / "tests"
BODY, CLASS, ATTRIBUTES, FILE, CALL, SESSION, RATIO = 60, 250, 15, 300, 1600, 250, 1.0
# What is over a bar today. Nothing may be added; what has come under its bar leaves the list.
OVER_TODAY = {
    "lines of call/": {"call/"},
    "lines of tests ÷ lines of source": {"*"},
}
LOOSE = ("create_task", "ensure_future")  # of asyncio itself; those of a TaskGroup have an owner

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Bar:
    """One figure, its limit, and what is over it."""

    name: str
    limit: str
    worst: str
    over: list[str] = field(default_factory=list)

    @property
    def new(self) -> list[str]:
        """What is over it, and was not before."""
        known = OVER_TODAY.get(self.name, set())
        return [] if "*" in known else [one for one in self.over if place(one) not in known]


def bars(source: Path = SOURCE, tests: Path = TESTS) -> list[Bar]:
    """Every bar, measured."""
    trees = {file: ast.parse(file.read_text("utf-8")) for file in sorted(source.rglob("*.py"))}
    lines = {str(file.relative_to(source)): len(file.read_text("utf-8").splitlines()) for file in trees}
    bodies = {f"{where}:{one.lineno} {one.name}": _body(one) for where, one in _each(trees, source, Function)}
    classes = list(_each(trees, source, ast.ClassDef))
    sizes = {f"{where}:{one.lineno} {one.name}": _length(one) for where, one in classes}
    attributes = {f"{where}:{one.lineno} {one.name}": len(_attributes(one)) for where, one in classes}
    return [
        _largest("lines of a function's body", BODY, bodies),
        _largest("lines of a class", CLASS, sizes),
        _largest("attributes of a class", ATTRIBUTES, attributes),
        _largest("lines of a file", FILE, lines),
        _largest("lines of call/", CALL, {"call/": sum(n for name, n in lines.items() if name.startswith("call/"))}),
        _largest("lines of call/session.py", SESSION, {"call/session.py": lines.get("call/session.py", 0)}),
        _loose_tasks(trees, source),
        _double_names(classes),
        _ratio(sum(lines.values()), tests),
    ]


def _each(trees: dict[Path, ast.Module], source: Path, kind: type | object) -> Iterator[tuple[str, "ast.ClassDef"]]:
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, kind):  # type: ignore[arg-type]
                yield str(file.relative_to(source)), node  # type: ignore[misc]


def _length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _body(function: ast.ClassDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def _attributes(made: ast.ClassDef) -> set[str]:
    """What its methods assign to `self`; a value's declared fields are its signature, and are not counted."""
    return {
        node.attr
        for node in ast.walk(made)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def _largest(name: str, limit: int, found: dict[str, int]) -> Bar:
    where = max(found, key=lambda one: found[one])
    over = sorted((f"{size:>5}  {one}" for one, size in found.items() if size > limit), reverse=True)
    return Bar(name, f"≤ {limit}", f"{found[where]} ({where})", over)


def _loose_tasks(trees: dict[Path, ast.Module], source: Path) -> Bar:
    """Tasks that asyncio itself starts, and that nothing keeps under a name."""
    count, over = 0, []
    for file, tree in trees.items():
        kept = {
            id(call)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None
            for call in ast.walk(node.value)
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOOSE):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "asyncio":
                count += 1
                if id(node) not in kept:
                    over.append(f"{file.relative_to(source)}:{node.lineno}")
    return Bar("tasks without an owner", "= 0", f"{len(over)} of {count} outside a TaskGroup", over)


def _double_names(classes: list[tuple[str, ast.ClassDef]]) -> Bar:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for where, one in classes:
        if not one.name.startswith("_") and one.col_offset == 0:
            places[one.name].append(where)
    over = [f"{name}: {', '.join(files)}" for name, files in places.items() if len(files) > 1]
    return Bar("public classes of one name", "= 0", str(len(over)), over)


def _ratio(source_lines: int, tests: Path) -> Bar:
    test_lines = sum(len(file.read_text("utf-8").splitlines()) for file in tests.rglob("*.py"))
    ratio = test_lines / source_lines
    over = [] if ratio >= RATIO else [f"{test_lines} lines of tests, {source_lines} of source"]
    return Bar("lines of tests ÷ lines of source", f"≥ {RATIO}", f"{ratio:.2f}", over)


def place(over: str) -> str:
    """What is over a bar, without its size and line number: these change with every edit."""
    size, _, where = over.strip().partition("  ")
    where = where if size.isdigit() else over
    file, _, name = where.partition(" ")
    return f"{file.partition(':')[0]} {name}" if name and ":" in file and not file.endswith(":") else where


def main() -> int:
    """Print the bars; 1 when something new is over one."""
    measured = bars()
    for bar in measured:
        print(f"{'ok  ' if not bar.over else 'OVER'}  {bar.name:34} {bar.limit:8} {bar.worst}")
    for bar in measured:
        if bar.over:
            print(f"\n{bar.name}, {bar.limit}:")
            print("\n".join(f"  {one}" for one in bar.over))
    return int(any(bar.new for bar in measured))


if __name__ == "__main__":
    sys.exit(main())
