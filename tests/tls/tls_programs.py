"""Programs that are the other end of a connection: openssl and curl, run as children and talked to.

A test is skipped where its program is not installed. What a peer made of Python's own ssl cannot do is theirs:
renegotiation, key updates, early data, sessions in files.
"""

import asyncio
import contextlib
import os
import shutil
import ssl

import pytest

openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl command")
curl = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
PATIENCE = 20


class Program:
    """A child process, talked to line by line; `said` is all that it printed so far."""

    def __init__(self, process):
        self.process, self.said = process, ""

    async def say(self, text):
        self.process.stdin.write(text.encode())
        await self.process.stdin.drain()

    async def until(self, *texts, count=1):
        """Wait until one of the texts was printed that often; returns it."""
        while True:
            for text in texts:
                if self.said.count(text) >= count:
                    return text
            data = await asyncio.wait_for(self.process.stdout.read(1 << 16), PATIENCE)
            assert data, f"waiting for {texts}, the program ended with: {self.said}"
            self.said += data.decode(errors="replace")

    async def echoes(self, *lines):
        """Say each line, and wait until it comes back."""
        for line in lines:
            await self.say(line)
            await self.until(line)

    async def quit(self):
        """Have s_client close the connection, and wait."""
        await self.say("Q\n")
        return await self.end()

    async def end(self):
        """Close its standard input, and wait; returns its exit status."""
        self.process.stdin.close()
        self.said += (await asyncio.wait_for(self.process.stdout.read(), PATIENCE)).decode(errors="replace")
        return await self.process.wait()


@contextlib.asynccontextmanager
async def running(*command):
    pipe = asyncio.subprocess.PIPE
    # A sanitizer that is preloaded is for the extension: curl does not end under one.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT, env=environment
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        process.stdin.close()
        await process.wait()
        await process.stdout.read()


def flag(version):
    return "-tls1_2" if version == ssl.TLSVersion.TLSv1_2 else "-tls1_3"
