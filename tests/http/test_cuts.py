"""Some seeds of cuts.py, always the same; some of them on the loops of others, where connections write by methods."""

import asyncio

import ferrio
import pytest
from cuts import check


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def loop_factory(request):
    module = pytest.importorskip(request.param)
    module.new_event_loop().close()  # libuv opens a pipe with its first loop, for good
    return module.new_event_loop


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_cut_anywhere(first):
    assert ferrio.run(check(range(first, first + 50))) == []


def test_on_other_loops(loop_factory):
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(check(range(500, 540))) == []
