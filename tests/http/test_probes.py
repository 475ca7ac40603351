"""The table of odd requests, probes.tsv, asked of a running server: its statuses, and whether the connection ends.

An application that reads the whole body and answers 200 stands above. What the table means is written at its head.
"""

import asyncio
import re
from pathlib import Path

import ferrio
import pytest
from http_support import body_of, client, respond, served, settle

TABLE = Path(__file__).with_name("probes.tsv")


def unescaped(text):
    """A step as bytes: \\{text*N} first, which has others in it."""
    text = re.sub(r"\\\{(.*?)\*(\d+)\}", lambda found: found[1] * int(found[2]), text)

    def one(found):
        kind = found[1]
        return {"r": "\r", "n": "\n", "t": "\t"}.get(kind) or (chr(int(kind[1:], 16)) if len(kind) == 3 else kind)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", one, text, flags=re.DOTALL).encode("latin-1")


def probes():
    for row in TABLE.read_text("latin-1").splitlines():
        if not row.startswith("#"):
            name, _, _, done, *steps = row.split("\t")
            yield pytest.param(done, [unescaped(step) for step in steps], id=name)


def test_there_are_203():
    assert len(list(probes())) == 203


async def application(scope, receive, send):
    if await body_of(receive) is not None:
        await respond(send)


@pytest.mark.parametrize(("done", "steps"), list(probes()))
def test_a_probe(done, steps):
    statuses, _, ends = done.partition("+")
    expected = [] if statuses == "wait" else list(map(int, statuses.split(",")))
    is_old = b" HTTP/1.0\r" in steps[0]
    closes = bool(ends) or is_old or any(status >= 400 for status in expected)

    async def main():
        async with served(application, websocket=None) as server, client(server.port) as peer:
            for step in steps:
                await peer.send(step)
                await settle()
            if closes:
                return [each.status for each in await peer.all_answers()]
            found = [each.status for each in await peer.answers(len(expected), heads_of(steps))]
            await settle()
            assert not peer.take()
            assert not server.connection.transport.is_closing()
            return found

    assert ferrio.run(asyncio.wait_for(main(), 60)) == expected


def heads_of(steps):
    """The places of requests that are HEAD."""
    methods = re.findall(rb"([A-Z]+) [^ ]+ HTTP/1\.1\r\n", b"".join(steps))
    return [place for place, method in enumerate(methods) if method == b"HEAD"]
