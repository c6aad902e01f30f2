"""A bad link between two network namespaces: packets are lost, late, and in order; TCP is the kernel's own."""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

DELAY = 0.02  # seconds of every packet
NEW_NETWORK, TUN_SET = 0x40000000, 0x400454CA  # CLONE_NEWNET; TUNSETIFF


def tun_of(end: socket.socket) -> int:
    """Its end of the link."""
    _, (tun,), _, _ = socket.recv_fds(end, 1, 1)
    os.set_blocking(tun, False)
    return tun


def run_link(tuns: list[int], ends: list[socket.socket], loss: float, jitter: float) -> dict[str, Any]:
    """Carry packets until the client has told its figures; answers those of both."""
    chance = random.Random(1)  # noqa: S311 - protects nothing
    under_way: list[tuple[float, int, int, bytes]] = []
    last, count = [0.0, 0.0], 0
    told: dict[str, Any] = {}
    for end in ends:
        end.sendall(b"go")
    while "gateway" not in told:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else 0.5
        watched: list[Any] = [*tuns, *ends]
        ready, _, _ = select.select(watched, [], [], wait)
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, _, to, packet = heapq.heappop(under_way)
            with suppress(BlockingIOError):
                os.write(tuns[to], packet)
        for side, tun in enumerate(tuns):
            if tun not in ready:
                continue
            with suppress(BlockingIOError):
                while packet := os.read(tun, 2048):
                    if chance.random() >= loss:
                        last[side] = max(last[side], now + DELAY + chance.random() * jitter)
                        count += 1
                        heapq.heappush(under_way, (last[side], count, 1 - side, packet))
        for end in [one for one in ends if one in ready]:
            told |= told_by(end)
            ends.remove(end)
            if "gateway" not in told:
                ends[0].sendall(b"over")  # the client is done: the gateway tells what it heard
    return told


def told_by(end: socket.socket) -> dict[str, Any]:
    (size,) = struct.unpack("!I", end.recv(4, socket.MSG_WAITALL))
    found: dict[str, Any] = json.loads(end.recv(size, socket.MSG_WAITALL))
    return found


def tell(end: socket.socket, figures: dict[str, Any]) -> None:
    data = json.dumps(figures).encode()
    end.sendall(struct.pack("!I", len(data)) + data)


def enter_namespace(end: socket.socket, here: str, there: str) -> None:
    """Leave this machine's network for one that has nothing but the link; its end goes to whoever carries packets."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK) != 0:
        sys.exit(f"a network namespace needs root: {os.strerror(ctypes.get_errno())}")
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUN_SET, struct.pack("16sH22x", b"bad0", 0x1001))  # IFF_TUN, no header before the packets
    for command in (f"addr add {here} peer {there} dev bad0", "link set bad0 up mtu 1400", "link set lo up"):
        subprocess.run(["ip", *command.split()], check=True)
    socket.send_fds(end, [b"t"], [tun])
    end.recv(2)
