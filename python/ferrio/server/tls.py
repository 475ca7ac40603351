"""The server's TLS: an SSLContext from the options `ssl_*`, or from the program's own factory."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import Any

Path = str | os.PathLike[str]
ContextFactory = Callable[[Any, Callable[[], ssl.SSLContext]], ssl.SSLContext]


def create_ssl_context(
    certfile: Path,
    keyfile: Path | None,
    password: str | None,
    ssl_version: int,
    cert_reqs: int,
    ca_certs: Path | None,
    ciphers: str | None,
) -> ssl.SSLContext:
    """A server's context, of these files."""
    context = ssl.SSLContext(ssl_version)
    context.load_cert_chain(certfile, keyfile, (lambda: password) if password else None)
    context.verify_mode = ssl.VerifyMode(cert_reqs)
    if ca_certs:
        context.load_verify_locations(ca_certs)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def context_of(config: Any) -> ssl.SSLContext | None:
    """What the configuration asks for: nothing, a context of its files, or what its factory makes."""

    def usual() -> ssl.SSLContext:
        if not config.ssl_certfile:
            reason = "ssl_context_factory's default" if config.ssl_context_factory else "TLS"
            raise RuntimeError(f"{reason} needs a certificate: set ssl_certfile, or make the whole context yourself")
        return create_ssl_context(
            config.ssl_certfile,
            config.ssl_keyfile,
            config.ssl_keyfile_password,
            config.ssl_version,
            config.ssl_cert_reqs,
            config.ssl_ca_certs,
            config.ssl_ciphers,
        )

    if config.ssl_context_factory is None:
        return usual() if config.is_ssl else None
    context = config.ssl_context_factory(config, usual)
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"`ssl_context_factory` must return an `ssl.SSLContext`, got {type(context).__name__}")
    return context
