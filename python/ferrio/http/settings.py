"""What the older settings of a session mean: time limits by themselves, and credentials that are not a header field.

Owns aiohttp's warnings of them. Invariant: `stacklevel` is for functions that `ClientSession.__init__` calls.
"""

from __future__ import annotations

import warnings
from typing import Any

from .connector import UNSET
from .timeouts import DEFAULT_TIMEOUT, ClientTimeout


def limits_of(given: Any, read: Any, connect: float | None) -> ClientTimeout:
    """The time limits, from the setting and the two that aiohttp had before."""
    if given is not UNSET and given is not None:
        if not isinstance(given, ClientTimeout):
            raise ValueError(
                f"timeout parameter cannot be of {type(given)} type, please use 'timeout=ClientTimeout(...)'"
            )
        if read is not UNSET:
            raise ValueError("read_timeout and timeout parameters conflict, please setup timeout.read")
        if connect is not None:
            raise ValueError("conn_timeout and timeout parameters conflict, please setup timeout.connect")
        return given
    if read is UNSET and connect is None:
        return DEFAULT_TIMEOUT
    total, limit = DEFAULT_TIMEOUT.total, DEFAULT_TIMEOUT.connect
    if read is not UNSET:
        warnings.warn("read_timeout is deprecated, use timeout argument instead", DeprecationWarning, stacklevel=3)
        total = read
    if connect is not None:
        warnings.warn("conn_timeout is deprecated, use timeout argument instead", DeprecationWarning, stacklevel=3)
        limit = connect
    return ClientTimeout(total=total, connect=limit, sock_connect=DEFAULT_TIMEOUT.sock_connect)


def warn_of_auth(auth: object, proxy_auth: object) -> None:
    for name, header, given in (("auth", "", auth), ("proxy_auth", "Proxy-", proxy_auth)):
        if given is not None:
            place = "proxy_headers" if header else "headers"
            warnings.warn(
                f"The '{name}' parameter is deprecated and will be removed in v4; pass {place}="
                f"{{'{header}Authorization': aiohttp.encode_basic_auth(login, password)}} instead",
                DeprecationWarning,
                stacklevel=3,
            )
