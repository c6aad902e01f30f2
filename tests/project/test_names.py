"""One word, one meaning: no two public classes share a name, and names are words that the field knows."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lineside"


def test_no_two_public_classes_have_one_name() -> None:
    """Who reads `VoiceDetector` anywhere knows which one is meant."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{file.relative_to(SOURCE)}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


# Words that name nothing in this field; each had its own meaning in every file.
PRIVATE = {"booth", "crew", "house", "roster", "staff", "switchboard", "errand", "scribe", "reel", "leash", "earpiece"}
PRIVATE |= {"shelf", "ears", "mind", "bus", "door", "hush", "landing", "told"}
ELSEWHERE = PRIVATE - {"told"}  # tests keep what a server was told in lists of that name


def test_public_names_are_not_of_a_private_language() -> None:
    """Modules, classes, functions, parameters and attributes that others see."""
    assert _private(SOURCE, PRIVATE) == []


@pytest.mark.parametrize("folder", ["tests", "bench", "training"])
def test_tests_and_measurements_use_the_same_words(folder: str) -> None:
    """Whoever reads a test of a call finds the words of the code that it tests."""
    assert _private(SOURCE.parents[1] / folder, ELSEWHERE) == []


def _private(root: Path, barred: set[str]) -> list[str]:
    """Names in the files under `root` that hold a barred word; tests are sentences, and may say what they like."""
    found = []
    for file in sorted(root.rglob("*.py")):
        names = {file.stem, *_names(ast.parse(file.read_text(encoding="utf-8")))}
        seen = sorted(name for name in names if not name.startswith(("_", "test_")) and _words(name) & barred)
        found += [f"{file.relative_to(root)}: {name}" for name in seen]
    return found


def _names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
    return names


def _words(name: str) -> set[str]:
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
