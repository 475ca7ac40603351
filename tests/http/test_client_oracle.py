"""ferrio.http against aiohttp, the oracle: the same calls, the same results, warnings and exceptions with their texts.

aiohttp runs on stock asyncio, ferrio.http on ferrio. `KNOWN` has what differs on purpose, each with its reason.
"""

import asyncio

import client_answer_cases  # noqa: F401
import client_cases  # noqa: F401
import client_hook_cases  # noqa: F401
import client_option_cases  # noqa: F401
import client_session_cases  # noqa: F401
import client_socket_cases  # noqa: F401
import client_way_cases  # noqa: F401
import ferrio
import ferrio.http
import pytest
from client_differences import KNOWN
from client_oracle import CASES, run

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")


@pytest.mark.parametrize("name", sorted(CASES))
def test_as_aiohttp(name):
    theirs = run(aiohttp, name, asyncio.run)
    ours = run(ferrio.http, name, ferrio.run)
    if name in KNOWN:
        assert ours != theirs, "no difference any more: take the case out of KNOWN"
        pytest.skip(KNOWN[name])
    assert ours == theirs
    assert "NameError" not in ours and "AttributeError" not in ours, "the case itself is wrong"


def test_there_are_enough():
    assert len(CASES) >= 300
