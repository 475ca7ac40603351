"""`SSLTransport`: the cold half of native TLS, and the choice of what TLS is done by.

What runs per record is native; here is what is done once a connection, or when somebody asks.
"""

from __future__ import annotations

import os
import warnings
from asyncio import constants, sslproto
from collections.abc import Callable
from typing import Any

from . import _ferrio
from ._support.sslproto import tls_times

# None in a Python that was built without OpenSSL; asyncio says so where TLS is asked for.
ssl: Any = vars(sslproto)["ssl"]

# What TLS is done by: asyncio's own protocol, an SSLObject driven natively, or OpenSSL itself.
ENGINES = ("direct", "bio", "asyncio")
VARIABLE = "FERRIO_TLS"

# What is asked of the SSLObject when somebody wants to know, by the name of the method.
_ASKED = {"peercert": "getpeercert", "cipher": "cipher", "compression": "compression"}

# The methods that are called for every connection or record, and those of the C object inside which they lead to.
_DRIVEN = ("do_handshake", "read", "write", "unwrap")
_EVERYTHING, _NOTHING = (True,) * len(_DRIVEN), (False,) * len(_DRIVEN)


def engine() -> tuple[str, str]:
    """The engine that is in force, and why it is."""
    if ssl is None:
        return "asyncio", "this Python has no module ssl"
    asked = os.environ.get(VARIABLE)
    if asked in ("bio", "asyncio"):
        return asked, f"{VARIABLE}={asked}"
    if asked is not None and asked != "direct":
        raise ValueError(f"{VARIABLE}={asked!r}: no such TLS engine; it is one of {', '.join(ENGINES)}, or not set")
    obstacle = _ferrio.direct_tls()
    if obstacle is None:
        return "direct", f"{VARIABLE}=direct" if asked else f"proved on {ssl.OPENSSL_VERSION}"
    if asked:
        raise RuntimeError(f"{VARIABLE}=direct: OpenSSL cannot be called directly: {obstacle}; unset the variable")
    return "bio", obstacle


def library() -> str:
    """The TLS library that this Python has."""
    return "none" if ssl is None else str(ssl.OPENSSL_VERSION)


def is_native() -> bool:
    """Whether TLS is native."""
    return engine()[0] != "asyncio"


class SSLTransport(_ferrio.SSLTransport, sslproto._SSLProtocolTransport):  # type: ignore[misc]  # private to asyncio
    """A TLS connection, in asyncio's terms a `Transport`; to the socket transport below it is the protocol."""

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.FALLBACK

    def __init__(self) -> None:  # made by the loop; asyncio's class would want its own protocol
        pass

    @property
    def _ssl_protocol(self) -> Any:  # type: ignore[override]  # asyncio's has an attribute
        return self

    @property
    def _app_transport(self) -> Any:
        return self

    @property
    def _app_protocol(self) -> Any:
        return self.get_protocol()

    @property
    def _app_reading_paused(self) -> bool:
        return not self.is_reading()

    @property
    def _extra(self) -> dict[str, Any]:
        extra = {"sslcontext": self._sslcontext}
        if self._established:
            for name in (*_ASKED, "ssl_object"):
                extra[name] = self.get_extra_info(name)
        return extra

    def _learn(self) -> None:
        """After the handshake: the standard library's object answers later as well as now; others are asked now."""
        if type(self._sslobj) is not ssl.SSLObject:
            self._stored_extra = {name: getattr(self._sslobj, method)() for name, method in _ASKED.items()}

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what asyncio's TLS transports know, or what the socket transport below does."""
        if name == "sslcontext":
            return self._sslcontext
        if self._established:
            if name == "ssl_object":
                return self._sslobj
            if name in _ASKED:
                stored = self._stored_extra
                if stored is None:
                    stored = self._stored_extra = {}
                if name not in stored:
                    stored[name] = getattr(self._sslobj, _ASKED[name])()
                return stored[name]
        below = self._transport
        return default if below is None else below.get_extra_info(name, default)

    def __repr__(self) -> str:
        info = [self.__class__.__name__]
        if self._closed:
            info.append("closed" if self._transport is None else "closing")
        if self._transport is not None:
            info.append(f"over {self._transport!r}")
        return f"<{' '.join(info)}>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if not self._closed:
            self._closed = True
            _warn("unclosed transport <asyncio._SSLProtocolTransport object>", ResourceWarning, source=self)


def make(
    loop: Any,
    protocol: Any,
    sslcontext: Any,
    waiter: Any,
    server_side: bool = False,
    server_hostname: str | None = None,
    *,
    known: bool = False,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    calls_in: Any = None,
) -> tuple[Any, Any]:
    """A protocol for a socket transport, and the transport that it is to `protocol`: one and the same object."""
    times = tls_times(ssl_handshake_timeout, ssl_shutdown_timeout)
    if not sslcontext:
        sslcontext = sslproto._create_transport_context(server_side, server_hostname)
    hostname = server_hostname if server_hostname and not server_side else None
    direct = engine()[0] == "direct" and _can_be_direct(sslcontext)
    rest = (known, False, *times, calls_in)
    transport = _make(loop, protocol, sslcontext, waiter, server_side, hostname, direct, rest)
    return transport, transport


def acceptor(loop: Any, sslcontext: Any, handshake: float | None, shutdown: float | None) -> Callable[[Any, Any], Any]:
    """What makes the TLS layer of each connection that a server accepts."""
    direct = engine()[0] == "direct"

    def accept(protocol: Any, calls_in: Any) -> Any:
        times = tls_times(handshake, shutdown)
        calls = direct and _can_be_direct(sslcontext)
        return _make(loop, protocol, sslcontext, None, True, None, calls, (False, True, *times, calls_in))

    return accept


def _make(
    loop: Any,
    protocol: Any,
    sslcontext: Any,
    waiter: Any,
    server_side: bool,
    hostname: str | None,
    direct: bool,
    rest: tuple[bool, bool, float, float, Any],
) -> Any:
    # An object that is driven directly gets a BIO of ours instead, before anything is written to these.
    bios = _UNUSED if direct else (ssl.MemoryBIO(), ssl.MemoryBIO())
    sslobj = sslcontext.wrap_bio(*bios, server_side=server_side, server_hostname=hostname)
    inner = getattr(sslobj, "_sslobj", None)
    inside = _NOTHING if inner is None else _called_inside(sslobj)
    given = (None, None) if direct else bios
    return loop._tls(SSLTransport, protocol, sslcontext, waiter, server_side, sslobj, inner, inside, *given, *rest)


def make_theirs(loop: Any, protocol: Any, sslcontext: Any, *args: Any, **names: Any) -> tuple[Any, Any]:
    """As `make`, of asyncio's own classes."""
    ssl_protocol = sslproto.SSLProtocol(loop, protocol, sslcontext, *args, **names)
    return ssl_protocol, ssl_protocol._app_transport


def _can_be_direct(sslcontext: Any) -> bool:
    """Whether the records of the context's objects go through the C object inside, and nobody looks on."""
    kind: Any = getattr(sslcontext, "sslobject_class", None)
    return (
        type(sslcontext).wrap_bio is ssl.SSLContext.wrap_bio
        and _is_kind_of_object(kind)
        and kind._create.__func__ is ssl.SSLObject._create.__func__
        and kind.read is ssl.SSLObject.read
        and kind.write is ssl.SSLObject.write
        and sslcontext._msg_callback is None
    )


def _is_kind_of_object(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, ssl.SSLObject)


def _called_inside(sslobj: Any) -> tuple[bool, ...]:
    """Which methods do no more than call the C object inside: those that no class and no instance replaces."""
    kind, own = type(sslobj), vars(sslobj)
    if kind is ssl.SSLObject and len(own) == 1:
        return _EVERYTHING
    if not isinstance(sslobj, ssl.SSLObject):
        return _NOTHING
    return tuple(getattr(kind, name) is getattr(ssl.SSLObject, name) and name not in own for name in _DRIVEN)


# For objects whose BIOs are replaced: nothing is ever written to these.
_UNUSED = () if ssl is None else (ssl.MemoryBIO(), ssl.MemoryBIO())
