"""Run a program whose family ends with it: `family.py PROGRAM …`. Needs Linux 5.3; on older ones, just the program.

A server may start processes of its own, as Ollama does for every model. If the server is killed, they would go on
holding the graphics card. So a watchman stands beside it, which does nothing but wait for the server's end (man 2
pidfd_open) and then kills the process group. The server keeps its process id, its exit code and its pipes, and the
watchman is no child of its. A process that leaves the group, as a daemon does, is out of reach.
"""

import os
import select
import signal
import sys


def watch() -> None:
    """Leave a watchman behind for this process, which has to lead a process group, whatever it turns into by `exec`."""
    if os.getpgid(0) != os.getpid():
        return  # the group is somebody else's too
    try:
        leader = os.pidfd_open(os.getpid())
    except (AttributeError, OSError):
        return  # an old kernel, or a container that forbids it: only the program itself is on the leash
    child = os.fork()
    if child:
        os.close(leader)
        os.waitpid(child, 0)
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group when the server is asked to end
    if os.fork():
        os._exit(0)  # so that the watchman is nobody's child: a server that counts its children is not confused
    _stand_watch(leader)


def _stand_watch(leader: int) -> None:
    waiting = select.poll()
    waiting.register(leader, select.POLLIN)
    waiting.poll()
    # The number of the group is taken as long as anybody is in it, and we are: nobody else can be hit.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    watch()
    try:
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the program that was asked for, no shell between
    except OSError as cause:
        sys.exit(f"{sys.argv[1]}: {cause.strerror}")
