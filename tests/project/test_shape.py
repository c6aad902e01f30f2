"""The bars of the code's shape: they are measured right, and nothing new is over them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shape() -> ModuleType:
    """`scripts/shape.py`."""
    spec = importlib.util.spec_from_file_location("shape", ROOT / "scripts" / "shape.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["shape"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_nothing_new_is_over_a_bar(shape: ModuleType) -> None:
    """A function, class or file that grows too long is split, not listed."""
    for bar in shape.bars():
        assert bar.new == [], f"{bar.name}, {bar.limit}"


def test_each_bar_is_measured_right(shape: ModuleType, tmp_path: Path) -> None:
    """On a small tree with one fault of each kind."""
    source, tests = tmp_path / "src", tmp_path / "tests"
    (source / "call").mkdir(parents=True)
    tests.mkdir()
    long_body = "\n".join(f"    x{number} = {number}" for number in range(61))
    attributes = "\n".join(f"        self.a{number} = {number}" for number in range(16))
    (source / "one.py").write_text(
        f"def f():\n    '''Doc.'''\n{long_body}\n\nclass Twice:\n    def __init__(self):\n{attributes}\n"
    )
    two = "import asyncio\n\nclass Twice:\n    pass\n\ndef g():\n    asyncio.create_task(None)\n"
    (source / "two.py").write_text(f"{two}    kept = asyncio.create_task(None)\n")
    (source / "call" / "session.py").write_text("pass\n" * 301)
    over = {bar.name: [shape.place(one) for one in bar.over] for bar in shape.bars(source, tests)}
    assert over == {
        "lines of a function's body": ["one.py f"],
        "lines of a class": [],
        "attributes of a class": ["one.py Twice"],
        "lines of a file": ["call/session.py"],
        "lines of call/": [],
        "lines of call/session.py": ["call/session.py"],
        "tasks without an owner": ["two.py:7"],
        "public classes of one name": ["Twice: one.py, two.py"],
        "lines of tests ÷ lines of source": [over["lines of tests ÷ lines of source"][0]],
    }
