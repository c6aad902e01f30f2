"""A process with all that came of it, whatever group those have gone to. Linux; elsewhere the process alone is seen."""

import os
import signal
from contextlib import suppress
from pathlib import Path

ROUNDS = 20  # of looking again: a family that forks faster than it is killed is not followed for ever


def children_of(pid: int) -> set[int]:
    """The processes that this one, or a thread of its, has started and that still run (man 5 proc)."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError, ValueError):
            found |= {int(child) for child in task.read_text().split()}
    return found


def kill_tree(pid: int) -> None:
    """Stop this process, so that it starts no more, then kill its children, their children, and itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGSTOP)
    for _ in range(ROUNDS):
        family = _family(pid)
        if not family:
            break
        for member in family:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _family(pid: int) -> list[int]:
    """All below it that are not dead already; dead ones stay listed until their parent has asked for them."""
    found: list[int] = []
    left = [pid]
    while left:
        for child in children_of(left.pop()):
            if child not in found:
                found.append(child)
                left.append(child)
    return [member for member in found if not _dead(member)]


def _dead(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state in {"Z", "X"}
