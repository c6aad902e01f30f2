"""Whether a file of Python tools has the function that an agent's file names. It is read, never run. Pure."""

import ast
import re
from collections.abc import Collection, Iterator

FOLDER = "tools"  # beside the agent's file; nothing outside it is ever run
KEY = "idempotency_key"  # a parameter that is no argument
NAMED = re.compile(
    rf"(?P<file>{FOLDER}/(?:[A-Za-z0-9_-]+/)*[A-Za-z_][A-Za-z0-9_]*\.py):(?P<function>[A-Za-z][A-Za-z0-9_]*)"
)
ANNOTATIONS = ("str", "int", "float", "bool", "Decimal", "date", "time", "Literal")  # and enums, and `… | None`


def file_and_function(python: str) -> tuple[str, str]:
    """ "tools/quotes.py:quote" in its two parts. Raises `ValueError`."""
    found = NAMED.fullmatch(python)
    if found is None:
        raise ValueError(f'"{python}" cannot be read; write "{FOLDER}/a_file.py:a_function", beside the agent\'s file')
    return found["file"], found["function"]


def source_mistakes(source: str, function: str, takes: Collection[str]) -> Iterator[str]:
    """What is wrong with a function for a tool that takes these arguments, with the line in its own file."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError) as wrong:
        yield f"line {getattr(wrong, 'lineno', 0)}: {getattr(wrong, 'msg', wrong)}"
        return
    written = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    if function not in written:
        known = ", ".join(sorted(name for name in written if not name.startswith("_"))) or "none"
        yield f"it has no function {function}; known are {known}"
        return
    found, enums = written[function], {each.name for each in module.body if isinstance(each, ast.ClassDef)}
    parameters = found.args
    if parameters.vararg or parameters.kwarg or parameters.posonlyargs:
        yield f"line {found.lineno}: {function} may take arguments by their names only, no * and no /"
        return
    every = [*parameters.args, *parameters.kwonlyargs]
    names = {each.arg for each in every}
    optional = {each.arg for each in parameters.args[len(parameters.args) - len(parameters.defaults) :]}
    optional |= {each.arg for each, given in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True) if given}
    for name in sorted(names - set(takes) - optional - {KEY}):
        yield f"line {found.lineno}: {function} needs {name}, which the tool does not take"
    for name in sorted(set(takes) - names):
        yield f"line {found.lineno}: {function} has no parameter {name}"
    for each in every:
        if each.arg in takes and (unfit := _wrong_annotation(each.annotation, enums)):
            yield f"line {each.lineno}: {each.arg}: {unfit}"


def _wrong_annotation(annotation: ast.expr | None, enums: Collection[str]) -> str:
    """What is wrong with it; empty: nothing."""
    if annotation is None:
        return f"has no annotation; write one of {', '.join(ANNOTATIONS)}"
    written = ast.unparse(annotation).strip("'\"")
    bare = re.sub(r"\s*\|\s*None$|^Optional\[(.*)\]$", r"\1", re.sub(r"\b(?:typing|datetime|decimal)\.", "", written))
    if bare.partition("[")[0] in ANNOTATIONS or bare in enums:
        return ""
    return (
        f'"{written}" is no annotation that a caller\'s words can be turned into; write one of {", ".join(ANNOTATIONS)}'
    )
