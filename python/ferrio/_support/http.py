"""What an HTTP server leaves to Python code: sending a file, describing TLS."""

from __future__ import annotations

import errno
import os
import stat
from asyncio import Transport, get_running_loop, sleep, timeout, to_thread
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

CHUNK = 256 * 1024
"""How much of a file is read at once where it has to be read."""

PIECE = 256 * 1024
"""How much of a file the kernel sends within the time limit: 4 KiB a second is fast enough for 60 seconds."""

LARGEST = 16 * 1024 * 1024
"""Of a client's that took the one before in a sixteenth of the limit: pieces of 256 KiB took twice the CPU time."""


async def pathsend(
    send: Callable[[dict[str, Any]], Awaitable[None]],
    begin: Callable[[int], bool | None],
    transport: Transport | None,
    path: str,
    length: int | None,
    limit: float | None,
) -> None:
    """Send the file as the body of an answer whose head was given: by the kernel, or in parts where TLS encrypts it.

    `length`: what the head says. A log that has grown since is sent as it was then.
    `limit`: how many seconds the client may take for a piece that the kernel sends.
    """
    file = await to_thread(_open, path)
    try:
        size = os.fstat(file.fileno()).st_size
        if length is not None:
            size = min(size, length)
        await sleep(0)  # Requests that came with this one are read first: nobody may write meanwhile.
        begun = begin(size)
        if begun is None:
            while size:
                data = _some(await to_thread(file.read, min(CHUNK, size)))
                size -= len(data)
                await send({"type": "http.response.body", "body": data, "more_body": True})
        elif begun and size and transport is not None:
            await _sendfile(transport, file, size, limit)
    finally:
        await to_thread(file.close)
    await send({"type": "http.response.body"})


async def _sendfile(transport: Transport, file: BinaryIO, size: int, limit: float | None) -> None:
    """The kernel does not say how far it is: with a time limit it gets pieces, larger ones for quick clients."""
    loop, offset, piece = get_running_loop(), 0, size if limit is None else PIECE
    try:
        while offset < size:
            begun = loop.time()
            async with timeout(limit):
                offset += _some(await loop.sendfile(transport, file, offset, min(piece, size - offset)))
            if limit is not None:
                piece = min(2 * piece, LARGEST) if loop.time() - begun < limit / 16 else PIECE
    except TimeoutError:
        transport.abort()
        await sleep(0)  # The connection is lost by then, and the next `send` says so.


def _some(sent: Any) -> Any:
    """What there was of the file, which is never nothing before its end."""
    if not sent:
        raise OSError("the file became shorter while it was sent")
    return sent


def _open(path: str) -> BinaryIO:
    # A FIFO would keep the thread until somebody writes to it, which may be never.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return open(descriptor, "rb")


def tls_extension(tls: Any, certificate: str | None) -> dict[str, Any]:
    """What ASGI's extension `tls` says of a connection; `tls` is its SSLObject."""
    import ssl

    chain = [ssl.DER_cert_to_PEM_cert(each) for each in _client_chain(tls)]
    version, cipher = tls.version(), tls.cipher()
    return {
        "server_cert": certificate,
        "client_cert_chain": chain,
        "client_cert_name": _distinguished_name(tls.getpeercert().get("subject", ())) if chain else None,
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(version),
        "cipher_suite": _suites(tls.context).get(cipher[0]) if cipher else None,
    }


_VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_KEYWORDS = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}


def _client_chain(tls: Any) -> list[bytes]:
    """The client's certificates, its own first; before Python 3.13 only that one is to be had."""
    if hasattr(tls, "get_verified_chain"):
        return list(tls.get_verified_chain())
    own = tls.getpeercert(True)
    return [own] if own else []


def _suites(context: Any) -> dict[str, int]:
    """The number of each cipher suite, by OpenSSL's name for it."""
    return {each["name"]: each["id"] & 0xFFFF for each in context.get_ciphers()}


def _distinguished_name(subject: Any) -> str:
    """A distinguished name as RFC 4514 writes it: the last part first."""
    parts = ["+".join(f"{_KEYWORDS.get(kind, kind)}={_escaped(value)}" for kind, value in part) for part in subject]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    text = "".join(f"\\{each}" if each in ',+"\\<>;' else each for each in value)
    if text.startswith(("#", " ")):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") and len(text) > 1 else text
