"""The soak program of TLS, run short: handshakes that fail leave nothing, and the program would notice if they did."""

import asyncio
import gc
import ssl
import sys
import weakref
from pathlib import Path

import pytest
from helpers import catches, on_loop, runs_clean
from tls_support import NAME, serving

SOAK = Path(__file__).parents[1] / "soak" / "soak_tls.py"
SHORT = ("--seconds", 50)
COUNT = 800


def test_nothing_is_left_behind(aio):
    """Descriptors, objects and memory after hundreds of failures are what they were after the first."""
    said = runs_clean(SOAK, "--loop", aio.__name__, "--connections", COUNT, *SHORT)
    assert said.startswith(f"{aio.__name__}: {COUNT} connections in ")


def test_development_mode_warns_of_nothing(aio):
    runs_clean(SOAK, "--loop", aio.__name__, "--connections", 300, *SHORT, flags=("-W", "error"), PYTHONDEVMODE="1")


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
    stand_in = (
        "import asyncio, os, warnings\n"
        "kept = []\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    async def sock_sendall(self, sock, data):\n"
        f"        kept.append({wrong})\n"
        "        return await super().sock_sendall(sock, data)\n"
        "new_event_loop = Loop\n"
    )
    arguments = ("--loop", "ferrio", "--connections", 300, *SHORT)
    assert complaint in catches(stand_in, tmp_path, SOAK, *arguments, flags=("-W", "always"))


@pytest.mark.skipif(sys.version_info < (3, 15), reason="Python 3.15 lets go of what waited for the connection")
@on_loop
async def test_a_certificate_that_is_refused_leaves_no_cycle(loop, certificates):
    protocols = []

    class Noted(asyncio.Protocol):
        def __init__(self):
            protocols.append(weakref.ref(self))

    async def connect(address):
        try:
            await loop.create_connection(Noted, *address, ssl=ssl.create_default_context(), server_hostname=NAME)
        except ssl.SSLCertVerificationError:
            return True

    async with serving(loop, ssl=certificates.server_side()) as (address, _):
        gc.collect()
        gc.disable()
        try:
            assert await connect(address)
            for _ in range(50):  # what is queued at the end of a connection refers to its protocol
                await asyncio.sleep(0)
            assert [protocol() for protocol in protocols] == [None]
        finally:
            gc.enable()
