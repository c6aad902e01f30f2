"""`python -m lineside.demo`: the demonstration's back end on a port of this machine."""

import argparse
from pathlib import Path

from aiohttp import web

from lineside.demo.back_end import BackEnd
from lineside.private_files import make_files_private


def main() -> None:
    """Serve until SIGTERM."""
    make_files_private()
    parser = argparse.ArgumentParser(prog="python -m lineside.demo", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True, help="SQLite file; made where it is not there")
    arguments = parser.parse_args()
    web.run_app(BackEnd(arguments.file).app(), host="127.0.0.1", port=arguments.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
