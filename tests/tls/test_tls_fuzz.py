"""The fuzzer of TLS records notices what it is there for; that it finds nothing is tests/fuzz/test_fuzz.py's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


WRONG = {
    "data": ("data_received = lambda self, data: inner.data_received(data[1:])", "bytes"),
    "order": (
        "connection_made = lambda self, transport: [inner.connection_made(transport) for _ in '12']",
        "callbacks",
    ),
    "end": ("connection_lost = lambda self, error: inner.connection_lost(ZeroDivisionError())", "of another kind"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_program_notices(tmp_path, name):
    """A stand-in named ferrio whose protocols are told something else than what happened."""
    wrong, complaint = WRONG[name]
    stand_in = (
        "import asyncio\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    async def connect_accepted_socket(self, factory, sock, **options):\n"
        "        inner = factory()\n"
        "        class Liar(asyncio.Protocol):\n"
        "            def __getattribute__(self, name):\n"
        "                return object.__getattribute__(self, name) if name in vars(Liar) else getattr(inner, name)\n"
        f"            {wrong}\n"
        "        return await super().connect_accepted_socket(Liar, sock, **options)\n"
        "new_event_loop = Loop\n"
    )
    (tmp_path / "ferrio.py").write_text(stand_in)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "tls_records", "--seconds", "20"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 1 and complaint in done.stdout
