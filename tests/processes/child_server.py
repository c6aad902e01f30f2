"""A tiny server for the supervisor's tests: `child.py PORT MANNER`, the manner saying how it misbehaves."""

import http.server
import os
import signal
import socket
import sys
import time
from pathlib import Path


class Answer(http.server.BaseHTTPRequestHandler):
    """`/health` answers as the manner says; `/die` ends the process at once; `/pid` says who it is."""

    manner = "well"

    def do_GET(self) -> None:
        if self.path == "/die":
            os._exit(7)
        if self.manner == "hangs":
            time.sleep(60)
        body = str(os.getpid()).encode()
        self.send_response(503 if self.manner == "sick" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *about: object) -> None:
        """Say nothing."""


def main() -> None:
    port, manner = int(sys.argv[1]), sys.argv[2]
    Answer.manner = manner
    print("loading the thing", flush=True)
    if manner == "breaks":
        print("no such model: kaputt.bin", file=sys.stderr, flush=True)
        sys.exit(3)
    if manner == "chatters":
        for number in range(100):
            print(f"line {number} " + "x" * 10_000, flush=True)
        sys.exit(3)
    if manner == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:  # a child of its own, as stubborn
            Path(sys.argv[3]).write_text(str(os.getpid()))
            time.sleep(600)
    if manner.startswith("breaks later"):
        started = Path(sys.argv[3])
        times = len(started.read_text()) if started.exists() else 0
        started.write_text("x" * (times + 1))
        if times in (1, 2):
            sys.exit(4)
    if "--listen-fd" not in sys.argv:
        http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer, bind_and_activate=False)
    server.socket = socket.socket(fileno=int(sys.argv[sys.argv.index("--listen-fd") + 1]))
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.server_activate()
    server.serve_forever()


if __name__ == "__main__":
    main()
