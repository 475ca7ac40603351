"""The soak program of TLS, run short: handshakes that fail leave nothing, and the program would notice if they did."""

from pathlib import Path

import pytest
from helpers import run_program

SOAK = Path(__file__).parents[1] / "soak_tls.py"
COUNT = 800


def soak(loop, connections, *flags, **environment):
    return run_program(SOAK, "--loop", loop, "--connections", connections, "--seconds", 50, flags=flags, **environment)


def test_nothing_is_left_behind(aio):
    """Descriptors, objects and memory after hundreds of failures are what they were after the first."""
    done = soak(aio.__name__, COUNT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{aio.__name__}: {COUNT} connections in ")


def test_development_mode_warns_of_nothing(aio):
    done = soak(aio.__name__, 300, "-W", "error", PYTHONDEVMODE="1")
    assert (done.returncode, done.stderr) == (0, "")


LEAKS = {
    "descriptor": ("os.dup(0)", "file descriptors: "),
    "object": ("[]", "objects: "),
    "memory": ("os.urandom(1 << 16)", "bytes of memory: "),
    "warning": ("warnings.warn('careless', ResourceWarning)", "warned: careless"),
    "error": ("asyncio.log.logger.error('bad')", "logged: bad"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_the_program_notices(tmp_path, name):
    """A stand-in named ferrio that keeps something, or does something wrong, for each connection."""
    wrong, complaint = LEAKS[name]
    (tmp_path / "ferrio.py").write_text(
        "import asyncio, os, warnings\n"
        "kept = []\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    async def sock_sendall(self, sock, data):\n"
        f"        kept.append({wrong})\n"
        "        return await super().sock_sendall(sock, data)\n"
        "new_event_loop = Loop\n"
    )
    done = soak("ferrio", 300, "-W", "always", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert complaint in done.stderr
