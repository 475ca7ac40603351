"""The fuzzer of TLS, run short, from seed 0: nothing is wrong; and it notices what it is there for."""

from pathlib import Path

import pytest
from helpers import catches, runs_clean

FUZZ = Path(__file__).parents[1] / "fuzz_tls_records.py"


def test_spoiled_records():
    assert runs_clean(FUZZ, "--seconds", 8).endswith(" connections, nothing wrong\n")


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
    assert complaint in catches(stand_in, tmp_path, FUZZ, "--seconds", 20)
