"""What `lineside` exports is there, documented, and costs nothing until it is used."""

import inspect
import subprocess
import sys

import pytest

import lineside


def test_exported_members_are_those_of_the_list() -> None:
    """`dir()` and `__all__` agree, in order, and each name resolves."""
    assert dir(lineside) == lineside.__all__ == sorted(lineside.__all__)
    for name in lineside.__all__:
        assert getattr(lineside, name).__name__ == name if inspect.isclass(getattr(lineside, name)) else True


@pytest.mark.parametrize("name", lineside.__all__)
def test_each_exported_member_says_what_it_is(name: str) -> None:
    """A docstring for an IDE; `ServerMessage` is a union of messages, which have theirs."""
    member = getattr(lineside, name)
    assert not inspect.isclass(member) or inspect.getdoc(member)


def test_an_unknown_name_is_refused_as_any_module_does() -> None:
    """A misspelt import is an ImportError, not a surprise later."""
    with pytest.raises(AttributeError, match="has no attribute 'Agnet'"):
        lineside.Agnet  # noqa: B018


def test_importing_lineside_changes_nothing_and_loads_nothing() -> None:
    """No environment variable is set, and neither numpy nor aiohttp is loaded."""
    script = (
        "import os, sys; before = dict(os.environ); import lineside; "
        "assert dict(os.environ) == before; print(*{'numpy', 'aiohttp', 'msgspec'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []
