"""Runs one server and outlives neither whoever asked nor its time: `python -I -S guard.py SECONDS COMMAND...`.

The server gets a session of its own, which holds its workers, too. All of it is killed when standard input ends,
however the other side ended, or when the time is over. Prints the server's number and when it was started,
by the monotonic clock. Imports nothing that takes time.
"""

import os
import select
import sys
import time
from contextlib import suppress


def main() -> None:
    patience, command = float(sys.argv[1]), sys.argv[2:]
    started = time.monotonic()
    streams = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
    # Returns once the program runs, so that its session is there for whoever asks.
    server = os.posix_spawnp(command[0], command, os.environ, file_actions=streams, setsid=True)
    print(server, started, flush=True)
    try:
        select.select([0], [], [], patience)
    finally:
        for process in session(server):
            with suppress(ProcessLookupError):
                os.kill(process, 9)
        os.waitpid(server, 0)


def session(leader: int) -> list[int]:
    """The processes of the leader's session that have not ended."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    state, _parent, _group, leads = file.read().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(leads) == leader and state not in "ZX":
                found.append(int(name))
    return found


if __name__ == "__main__":
    main()
