"""What native TLS words as asyncio.sslproto does.

Called by name from Rust (`Names` of `ffi/names.rs`).
"""

from __future__ import annotations

from asyncio import constants, exceptions
from asyncio.log import logger
from typing import Any


def tls_failed(loop: Any, tls: Any, transport: Any, error: BaseException, message: str) -> None:
    """Report what ends a TLS connection. Errors of the system, as those of TLS are, are only logged in debug mode."""
    if loop is None:
        return
    if isinstance(error, OSError):
        if loop.get_debug():
            logger.debug("%r: %s", tls, message, exc_info=error)
    elif not isinstance(error, exceptions.CancelledError):
        context = {"message": message, "exception": error, "transport": transport, "protocol": tls}
        loop.call_exception_handler(context)


def tls_times(handshake: float | None, shutdown: float | None) -> tuple[float, float]:
    """The time limits of a TLS connection, checked."""
    for name, value in (("handshake", handshake), ("shutdown", shutdown)):
        if value is not None and value <= 0:
            raise ValueError(f"ssl_{name}_timeout should be a positive number, got {value}")
    return (
        constants.SSL_HANDSHAKE_TIMEOUT if handshake is None else handshake,
        constants.SSL_SHUTDOWN_TIMEOUT if shutdown is None else shutdown,
    )


def log_handshake(tls: Any) -> float:
    """Debug mode: a handshake begins; the time is returned."""
    logger.debug("%r starts SSL handshake", tls)
    now: float = tls._loop.time()
    return now


def log_shook_hands(tls: Any, began: float) -> None:
    """Debug mode: a handshake is complete."""
    logger.debug("%r: SSL handshake took %.1f ms", tls, (tls._loop.time() - began) * 1e3)


def log_half_open() -> None:
    """A protocol wants to go on writing after the end, which TLS does not allow."""
    logger.warning("returning true from eof_received() has no effect when using ssl")
