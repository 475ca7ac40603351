"""Listening sockets: those a configuration names, those that systemd hands over, and how they are called in the log.

Must not know servers. A socket made here is inheritable, since workers get it from their parent.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Config

FIRST = 3
"""The first descriptor that systemd hands over."""


def bound(config: Config) -> socket.socket:
    """The socket of the configuration, bound. OSError where that cannot be."""
    if config.uds is not None:
        listener = bound_to_path(config.uds)
        config.uds_made = _identity(config.uds)
        return listener
    if config.fd is not None:
        return of_descriptor(config.fd)
    return bound_to(config.host, config.port)


def bound_to(host: str | None, port: int) -> socket.socket:
    """A TCP socket; no host is all of them."""
    listener = socket.socket(socket.AF_INET6 if ":" in (host or "") else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host or "", port))
    except OSError:
        listener.close()
        raise
    return listener


def bound_to_path(path: str) -> socket.socket:
    """A Unix socket that everybody may use, unless there was one with other permissions."""
    permissions = 0o666
    with contextlib.suppress(FileNotFoundError):
        found = os.stat(path)
        if stat.S_ISSOCK(found.st_mode):  # any other file is none of ours, and bind() says so
            permissions = stat.S_IMODE(found.st_mode)
            os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        os.chmod(path, permissions)
    except OSError:
        listener.close()
        raise
    return listener


def remove_path(config: Config) -> None:
    """Remove the Unix socket that `bound` made, unless something else has its path by now."""
    if config.uds is not None and config.uds_made is not None and config.uds_made == _identity(config.uds):
        os.unlink(config.uds)


def of_descriptor(descriptor: int) -> socket.socket:
    """A socket that somebody else has opened; the descriptor stays theirs."""
    return socket.socket(fileno=os.dup(descriptor))


def handed_over() -> list[socket.socket]:
    """The sockets that systemd has opened for this process, which gets them once."""
    meant = os.environ.get("LISTEN_PID") == str(os.getpid())
    count = os.environ.get("LISTEN_FDS", "") if meant else ""
    if not count.isdigit():
        return []
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return [socket.socket(fileno=descriptor) for descriptor in range(FIRST, FIRST + int(count))]


def places(listeners: Sequence[socket.socket], config: Config) -> list[str]:
    """What the log calls them: `http://127.0.0.1:8000`, `unix socket /run/app`, `socket ('0.0.0.0', 80)`."""
    if config.uds is not None:
        return [f"unix socket {config.uds}"]
    if config.fd is not None:
        return [f"socket {listeners[0].getsockname()}"]
    return [_url(config, "0.0.0.0" if config.host is None else config.host, listeners[0].getsockname()[1])]


def place(listener: socket.socket, config: Config) -> str:
    """Of a socket that the configuration says nothing of."""
    address = listener.getsockname()
    return _url(config, *address[:2]) if isinstance(address, tuple) else f"unix socket {address}"


def url(scheme: str, host: str, port: int) -> str:
    """Of a place of TCP."""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _url(config: Config, host: str, port: int) -> str:
    return url("https" if config.is_ssl else "http", host, port)
