"""A PostgreSQL cluster of the benchmark's own: in a temporary folder, on a Unix socket, gone at the end.

PostgreSQL refuses root, who therefore runs it as the user that Debian's package makes, or as nobody. Must not know who
asks it what.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .server import Guarded, environment

DEBIAN = Path("/usr/lib/postgresql")
ITEMS = (
    "CREATE TABLE items (id integer PRIMARY KEY, name text NOT NULL, price double precision NOT NULL);"
    "INSERT INTO items SELECT n, 'item ' || n, n * 1.5 FROM generate_series(1, 1000) n;"
)
QUIET = {
    "fsync": "off",
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "64",
    "autovacuum": "off",
    "jit": "off",
}


class NoDatabase(Exception):
    """There is none; the text says why, and what to do."""


@contextmanager
def cluster(lifetime: float) -> Iterator[str]:
    """The name by which asyncpg connects to it, as long as the `with` lasts. Raises NoDatabase."""
    programs, user = _programs(), _user()
    with tempfile.TemporaryDirectory(prefix="bench-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = folder / "data"
        _run(user, programs / "initdb", "-D", data, "-A", "trust", "-U", "bench", "-E", "UTF8", "--no-sync")
        options = [part for name, value in QUIET.items() for part in ("-c", f"{name}={value}")]
        command = [*_as(user), programs / "postgres", "-D", data, "-k", folder, *options]
        with Cluster(list(map(str, command)), data, lifetime):
            _run(user, programs / "psql", "-h", folder, "-U", "bench", "-d", "postgres", "-c", ITEMS)
            yield f"postgresql://bench@/postgres?host={folder}"


class Cluster(Guarded):
    """The cluster's own process; those of its connections end with it."""

    def __init__(self, command: list[str], data: Path, lifetime: float) -> None:
        super().__init__(command, environment(LC_ALL="C"), lifetime)
        self._state = data / "postmaster.pid"

    def answers(self) -> bool:
        """Its last line is `ready` when it takes connections; the socket is there before that."""
        return self._state.exists() and self._state.read_text().split()[-1:] == ["ready"]


def _programs() -> Path:
    """The folder of PostgreSQL's programs, the newest of Debian's if the path has none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(DEBIAN.glob("*/bin"))
    if not folders:
        raise NoDatabase("there is no PostgreSQL: install postgresql")
    return folders[-1]


def _user() -> str:
    """Who runs it: whoever runs this, unless that is root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    names = [each.pw_name for each in pwd.getpwall()]
    return next(name for name in ("postgres", "nobody", *names) if name in names)


def _as(user: str) -> list[str]:
    """What makes a command that user's."""
    if os.geteuid():
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]


def _run(user: str, *command: str | Path) -> None:
    whole = [*_as(user), *map(str, command)]
    done = subprocess.run(whole, env=environment(LC_ALL="C"), cwd="/", capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise NoDatabase(f"{Path(command[0]).name} failed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
