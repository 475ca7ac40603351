"""What the rows of TLS share: the server's context, a server, and load by a client that speaks TLS.

Must not know any row.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..certificate import make
from ..installed.harness.row import Figures
from . import build
from .bench import Bench
from .servers import BACKLOG


def context() -> ssl.SSLContext:
    """A server's, as a program would make it: OpenSSL decides on versions and ciphers, the key is of P-256."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate())
    return made


def certificate() -> Path:
    """The file with the key of all these servers and its certificate, made on first use."""
    file = build.cache() / "server.pem"
    if not file.exists():
        make(file)
    return file


def server(loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.Protocol]) -> str:
    """Listen on a free loopback port; the target for the load client."""
    made = loop.create_server(factory, "127.0.0.1", 0, backlog=BACKLOG, ssl=context())
    return f"tcp:{loop.run_until_complete(made).sockets[0].getsockname()[1]}"


def load(bench: Bench, mode: str, to: str, **options: Any) -> Figures:
    """As Bench.load, by the client that speaks TLS, which is the bare server of these rows as well."""
    settings = replace(bench.settings, client=str(build.tls_client()))
    stand_in = bench.stand_in and f"{bench.stand_in}:{certificate()}"
    return replace(bench, settings=settings, stand_in=stand_in).load(mode, to, **options)
