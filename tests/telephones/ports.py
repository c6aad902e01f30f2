"""Ports for programs that take a number and not a socket: somebody else may take it before they do."""

import random
import socket

LOWEST, HIGHEST = 20_000, 29_998  # below those that Linux gives to whoever asks for any, and not of SIP_RTP_PORTS here
TRIES = 200


def free_ports(many: int = 1) -> int:
    """The first of so many ports in a row, an even one, that nobody had a moment ago, neither over UDP nor over TCP."""
    for _ in range(TRIES):
        first = random.randrange(LOWEST, HIGHEST - many, 2)  # noqa: S311 - nobody guesses here
        if all(_is_free(first + at) for at in range(many)):
            return first
    raise AssertionError(f"no {many} free ports in a row between {LOWEST} and {HIGHEST}")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(type=kind) as finder:
            try:
                finder.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
