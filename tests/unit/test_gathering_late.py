"""What a protocol writes when held data has left, which may be at a turn's end. See `test_gathering`."""

import contextlib
import socket

import pytest
from helpers import Log, on_loop, shut, until
from test_gathering import PIECE, got, learn


@pytest.mark.parametrize("callback", ["resume_writing", "connection_lost"])
@on_loop
async def test_what_is_written_when_held_data_has_left_does_not_wait(loop, callback, tmp_path):
    """The loop would sleep with it: the turn has ended, and another transport's peer may be what it waits for."""
    logs, fars = [], []
    server = await loop.create_unix_server(lambda: logs.append(Log()) or logs[-1], tmp_path / "socket")
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            fars.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
            fars[-1].connect(str(tmp_path / "socket"))
            await until(lambda: len(logs) == len(fars) and logs[-1].events)
        first, second = (log.transport for log in logs)
        before = getattr(logs[0], callback)
        setattr(logs[0], callback, lambda *reason: (second.write(PIECE), before(*reason)))
        first.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        first.set_write_buffer_limits(100)
        await learn(first, fars[0])
        await learn(second, fars[1])
        first.write(PIECE)
        first.write(bytes(12_000))
        if callback == "connection_lost":
            first.close()
        assert got(fars[0])
        later = loop.create_future()
        loop.call_later(0.05, lambda: later.set_result(got(fars[1])))
        assert await later == PIECE
        first.close()
        second.close()
        await logs[1].closed
        await until(logs[0].closed.done)
    await shut(server)
