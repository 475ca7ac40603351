"""What the client raises: aiohttp's exceptions, with its names, bases, attributes and texts.

Owns the classes alone; who raises which is decided where it happens. No text and no repr shows a password: a URL is
stripped of its credentials before a request is made of it, and what is no URL when it is shown.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import warnings
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from multidict import MultiMapping
    from yarl import URL

    from .requests import RequestInfo
    from .response import ClientResponse


CREDENTIALS: Final = re.compile(r"(?<=//)[^/?#]*@")


class Destination(Protocol):
    """What an exception tells of a connection: where it was to go."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def is_ssl(self) -> bool: ...
    @property
    def ssl(self) -> Any: ...


class ClientError(Exception):
    """The base of every error of the client's."""


class ClientResponseError(ClientError):
    """An answer that is an error, or is taken for one: with the request, the redirects before it, and its status."""

    def __init__(
        self,
        request_info: RequestInfo,
        history: tuple[ClientResponse, ...],
        *,
        code: int | None = None,
        status: int | None = None,
        message: str = "",
        headers: MultiMapping[str] | None = None,
    ) -> None:
        if code is not None:
            if status is not None:
                raise ValueError("Both code and status arguments are provided; code is deprecated, use status instead")
            warnings.warn("code argument is deprecated, use status instead", DeprecationWarning, stacklevel=2)
        self.request_info = request_info
        self.status = next((number for number in (status, code) if number is not None), 0)
        self.message = message
        self.headers = headers
        self.history = history
        self.args = (request_info, history)

    def __str__(self) -> str:
        return f"{self.status}, message={self.message!r}, url={str(self.request_info.real_url)!r}"

    def __repr__(self) -> str:
        shown = [repr(self.request_info), repr(self.history)]
        if self.status != 0:
            shown.append(f"status={self.status!r}")
        if self.message != "":
            shown.append(f"message={self.message!r}")
        if self.headers is not None:
            shown.append(f"headers={self.headers!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def code(self) -> int:
        """The status, under its old name."""
        warnings.warn("code property is deprecated, use status instead", DeprecationWarning, stacklevel=2)
        return self.status

    @code.setter
    def code(self, value: int) -> None:
        warnings.warn("code property is deprecated, use status instead", DeprecationWarning, stacklevel=2)
        self.status = value


class ContentTypeError(ClientResponseError):
    """The answer is not of the type that was asked for."""


class WSServerHandshakeError(ClientResponseError):
    """The server did not agree to a WebSocket."""


class ClientHttpProxyError(ClientResponseError):
    """The proxy refused to connect."""


class TooManyRedirects(ClientResponseError):
    """More redirects than the request allows."""


class ClientConnectionError(ClientError):
    """The connection is at fault."""


class ClientConnectionResetError(ClientConnectionError, ConnectionResetError):
    """The connection is gone, and something was to be written to it."""


class ClientOSError(ClientConnectionError, OSError):
    """The system said no."""


class ClientConnectorError(ClientOSError):
    """No connection could be made."""

    def __init__(self, connection_key: Destination, os_error: OSError) -> None:
        self._conn_key = connection_key
        self._os_error = os_error
        super().__init__(os_error.errno, os_error.strerror)
        self.args = (connection_key, os_error)

    @property
    def os_error(self) -> OSError:
        """What the system said."""
        return self._os_error

    @property
    def host(self) -> str:
        """The host that was asked for."""
        return self._conn_key.host

    @property
    def port(self) -> int | None:
        """Its port."""
        return self._conn_key.port

    @property
    def ssl(self) -> Any:
        """The setting for TLS."""
        return self._conn_key.ssl

    def _shown_ssl(self) -> Any:
        return "default" if self.ssl is True else self.ssl

    def __str__(self) -> str:
        return f"Cannot connect to host {self.host}:{self.port} ssl:{self._shown_ssl()} [{self.strerror}]"

    # OSError makes itself anew from errno and strerror, which are not our arguments.
    __reduce__ = BaseException.__reduce__


class ClientConnectorDNSError(ClientConnectorError):
    """The host's name has no address."""


class ClientProxyConnectionError(ClientConnectorError):
    """No connection to the proxy could be made."""


class UnixClientConnectorError(ClientConnectorError):
    """No connection to the Unix socket could be made."""

    def __init__(self, path: str, connection_key: Destination, os_error: OSError) -> None:
        self._path = path
        super().__init__(connection_key, os_error)

    @property
    def path(self) -> str:
        """The socket's path."""
        return self._path

    def __str__(self) -> str:
        return f"Cannot connect to unix socket {self.path} ssl:{self._shown_ssl()} [{self.strerror}]"


class ServerConnectionError(ClientConnectionError):
    """The server's end of the connection is at fault."""


class ServerDisconnectedError(ServerConnectionError):
    """The server closed the connection before it had answered."""

    def __init__(self, message: Any = None) -> None:
        self.message = "Server disconnected" if message is None else message
        self.args = (self.message,)


class ServerTimeoutError(ServerConnectionError, asyncio.TimeoutError):
    """The server took too long."""


class ConnectionTimeoutError(ServerTimeoutError):
    """No connection within its time."""


class SocketTimeoutError(ServerTimeoutError):
    """Nothing came for too long."""


class ServerFingerprintMismatch(ServerConnectionError):
    """The server's certificate is another one than was asked for."""

    def __init__(self, expected: bytes, got: bytes, host: str, port: int) -> None:
        self.expected = expected
        self.got = got
        self.host = host
        self.port = port
        self.args = (expected, got, host, port)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} expected={self.expected!r} got={self.got!r} host={self.host!r} port={self.port!r}>"
        )


class ClientPayloadError(ClientError):
    """The answer's body is cut, or is not what it says."""


class UploadAbortedError(ClientError):
    """The request's body was not sent whole."""


class InvalidURL(ClientError, ValueError):
    """No URL, or one without a host."""

    def __init__(self, url: URL | str, description: str | None = None) -> None:
        self._url = url
        self._description = description
        super().__init__(*((url, description) if description else (url,)))

    @property
    def url(self) -> URL | str:
        """What was given as a URL."""
        return self._url

    @property
    def description(self) -> str | None:
        """What is wrong with it."""
        return self._description

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def __str__(self) -> str:
        url = CREDENTIALS.sub("***@", str(self._url))
        return f"{url} - {self._description}" if self._description else url


class InvalidUrlClientError(InvalidURL):
    """The URL of a request is none."""


class RedirectClientError(ClientError):
    """A redirect cannot be followed."""


class NonHttpUrlClientError(ClientError):
    """A URL of another scheme."""

    def __str__(self) -> str:
        return CREDENTIALS.sub("***@", super().__str__())

    def __repr__(self) -> str:
        return CREDENTIALS.sub("***@", super().__repr__())


class InvalidUrlRedirectClientError(InvalidUrlClientError, RedirectClientError):
    """A redirect to what is no URL."""


class NonHttpUrlRedirectClientError(NonHttpUrlClientError, RedirectClientError):
    """A redirect to another scheme."""


class ClientSSLError(ClientConnectorError):
    """TLS is at fault."""


class ClientConnectorSSLError(ClientSSLError, ssl.SSLError):
    """TLS failed."""


class ClientConnectorCertificateError(ClientSSLError, ssl.CertificateError):
    """The server's certificate is not trusted."""

    def __init__(self, connection_key: Destination, certificate_error: Exception) -> None:
        super().__init__(connection_key, certificate_error if isinstance(certificate_error, OSError) else OSError())
        self._certificate_error = certificate_error
        self.args = (connection_key, certificate_error)

    @property
    def certificate_error(self) -> Exception:
        """What `ssl` raised."""
        return self._certificate_error

    @property
    def ssl(self) -> bool:
        """Whether it was TLS."""
        return self._conn_key.is_ssl

    def __str__(self) -> str:
        error = self.certificate_error
        return f"Cannot connect to host {self.host}:{self.port} ssl:{self.ssl} [{type(error).__name__}: {error.args}]"


class WSMessageTypeError(TypeError):
    """A message of a WebSocket is of another type than was asked for."""


class HttpProcessingError(Exception):
    """The bytes that came are not HTTP. `ClientResponseError` is what a program sees of it."""

    code = 0
    message = ""
    headers: MultiMapping[str] | None = None

    def __init__(self, *, code: int | None = None, message: str = "", headers: MultiMapping[str] | None = None) -> None:
        if code is not None:
            self.code = code
        self.headers = headers
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}, message:\n{indent(self.message, '  ')}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.code}, message={self.message!r}>"


class BadHttpMessage(HttpProcessingError):
    """A message that breaks HTTP."""

    code = 400

    def __init__(self, message: str, *, headers: MultiMapping[str] | None = None) -> None:
        super().__init__(message=message, headers=headers)
        self.args = (message,)


class ContentEncodingError(BadHttpMessage):
    """A body that cannot be unpacked."""


class ContentLengthError(BadHttpMessage):
    """A body that is shorter than it was said to be."""


class TransferEncodingError(BadHttpMessage):
    """A body in chunks that is cut, or whose chunks are none."""


class LineTooLong(BadHttpMessage):
    """A line that is longer than its limit."""

    def __init__(self, line: bytes, limit: int, actual_size: str = "Unknown") -> None:
        super().__init__(f"Got more than {limit} bytes when reading: {line!r}.")
        self.args = (line, limit, actual_size)
