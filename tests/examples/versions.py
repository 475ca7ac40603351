"""The two versions of an example that serves pages: on ferrio's own server, and on aiohttp, that one on both loops.

A test file has `version = versions("chat", ...)`, which is a fixture: each test that takes it runs on all of them. What
they have in common, a test says; where they differ, in how they end and what they say then, is here.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import pytest
from programs import Program, Server, serving

NAMES = ("chat", "dashboard", "game")


@dataclass(frozen=True)
class Version:
    """One of them, and the loop it is started on."""

    loop: str
    program: Program
    goodbye: tuple[int, str]  # with which a WebSocket is closed at the end

    def __str__(self) -> str:
        return f"{self.program.file.partition('/')[2].removesuffix('.py')}-{self.loop}"

    @property
    def native(self) -> bool:
        return self.program.logs

    def serving(self, strict: bool = False, port: str = "0") -> AbstractContextManager[Server]:
        return serving(self.loop, self.on(port), strict)

    def on(self, port: str) -> Program:
        return replace(self.program, arguments=("--port", port, *self.program.arguments))

    def has_ended(self, server: Server) -> bool:
        """Whether the last that it said is that it ended."""
        return server.lines[-1].startswith("INFO:     Finished server process" if self.native else "stopped\n")


def all_of(name: str, *arguments: str) -> list[Version]:
    native = Program(f"{name}/{name}.py", arguments, logs=True)
    aiohttp = Program(f"{name}/{name}_aiohttp.py", arguments, needs=("aiohttp",))
    return [
        Version("ferrio", native, (1012, "")),
        Version("ferrio", aiohttp, (1001, "the server stops")),
        Version("asyncio", aiohttp, (1001, "the server stops")),
    ]


def versions(name: str, *arguments: str):
    """A fixture with one version of an example; the test runs once on each."""
    return pytest.fixture(params=all_of(name, *arguments), ids=str, name="version")(lambda request: request.param)
