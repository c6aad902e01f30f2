"""A real PostgreSQL server on loopback, in a folder of its own, run by an unprivileged user."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from uuid import uuid4

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # where Debian puts them
USER = "postgres"
SECONDS = 60


class PostgreSQL:
    """One server; started and stopped at will, with its data kept in between."""

    def __init__(self) -> None:
        assert PROGRAMS, "no PostgreSQL server here: apt-get install postgresql"
        self._folder = Path(tempfile.mkdtemp(prefix="lineside-pg-", dir="/tmp"))
        self._as: list[str] = []
        if os.getuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam(USER)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._data = self._folder / "data"
        self._run("initdb", "-D", self._data, "-U", "lineside", "-A", "trust", "--no-sync", "--locale=C.UTF-8")
        self._up = False
        self.start()

    def start(self) -> None:
        """Start it; back when it answers."""
        how = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self._folder / "log", "-o", how, "start")
        self._up = True

    def stop(self) -> None:
        """As a crash does: nobody is asked."""
        if self._up:
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")
        self._up = False

    def new(self) -> str:
        """The address of an empty database."""
        name = f"calls_{uuid4().hex[:12]}"
        self.tell("postgres", f"CREATE DATABASE {name}")
        return f"postgresql://lineside@127.0.0.1:{self._port}/{name}"

    def tell(self, database: str, words: str) -> str:
        """What psql answers."""
        where = ("-h", "127.0.0.1", "-p", str(self._port), "-U", "lineside", "-d", database)
        return self._run("psql", *where, "-v", "ON_ERROR_STOP=1", "-At", "-c", words)

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *words: "str | Path") -> str:
        command = [*self._as, str(PROGRAMS[-1] / program), *map(str, words)]
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, f"{program}: {done.stderr or done.stdout}"
        return done.stdout
