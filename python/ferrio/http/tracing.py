"""Hooks: `TraceConfig` has a signal for each moment of a request; `Tracing` sends them.

Owns the signals and what each is told. A `TraceConfig` of aiohttp's own works as well, so whatever makes one, such as
OpenTelemetry's instrumentation, can be given to a session of ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multidict import CIMultiDict
    from yarl import URL

    from .client import ClientSession
    from .response import ClientResponse

Receiver = Callable[..., Awaitable[object]]


class Signal(list[Receiver]):
    """Who is told of one thing: coroutine functions, awaited one after another."""

    __slots__ = ("_is_frozen", "_owner")

    def __init__(self, owner: object) -> None:
        super().__init__()
        self._owner = owner
        self._is_frozen = False

    @property
    def frozen(self) -> bool:
        """Whether a session has it: none may be added."""
        return self._is_frozen

    def freeze(self) -> None:
        """A session has it."""
        self._is_frozen = True

    def append(self, receiver: Receiver) -> None:
        """Tell one more."""
        if self._is_frozen:
            raise RuntimeError("Cannot modify frozen list.")
        super().append(receiver)

    def __call__(self, receiver: Receiver) -> Receiver:
        """As a decorator."""
        self.append(receiver)
        return receiver

    async def send(self, *args: Any) -> None:
        """Tell all of them."""
        if not self._is_frozen:
            raise RuntimeError("Cannot send non-frozen signal.")
        for receiver in self:
            await receiver(*args)

    def __repr__(self) -> str:
        return f"<Signal owner={self._owner!r}, frozen={self._is_frozen}, {list(self)!r}>"


class TraceConfig:
    """What is to be told of a session's requests: append coroutine functions `(session, context, params)`."""

    def __init__(self, trace_config_ctx_factory: Callable[..., Any] = SimpleNamespace) -> None:
        self._trace_config_ctx_factory = trace_config_ctx_factory
        self.on_request_start = Signal(self)
        self.on_request_chunk_sent = Signal(self)
        self.on_response_chunk_received = Signal(self)
        self.on_request_end = Signal(self)
        self.on_request_exception = Signal(self)
        self.on_request_redirect = Signal(self)
        self.on_connection_queued_start = Signal(self)
        self.on_connection_queued_end = Signal(self)
        self.on_connection_create_start = Signal(self)
        self.on_connection_create_end = Signal(self)
        self.on_connection_reuseconn = Signal(self)
        self.on_dns_resolvehost_start = Signal(self)
        self.on_dns_resolvehost_end = Signal(self)
        self.on_dns_cache_hit = Signal(self)
        self.on_dns_cache_miss = Signal(self)
        self.on_request_headers_sent = Signal(self)

    def trace_config_ctx(self, trace_request_ctx: Any = None) -> Any:
        """A request's own context."""
        return self._trace_config_ctx_factory(trace_request_ctx=trace_request_ctx)

    def freeze(self) -> None:
        """A session has it."""
        for signal in vars(self).values():
            if isinstance(signal, Signal):
                signal.freeze()


@dataclass(frozen=True, slots=True)
class TraceRequestStartParams:
    """A request begins."""

    method: str
    url: URL
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class TraceRequestChunkSentParams:
    """A piece of the request's body was written."""

    method: str
    url: URL
    chunk: bytes


@dataclass(frozen=True, slots=True)
class TraceResponseChunkReceivedParams:
    """The answer's body was read."""

    method: str
    url: URL
    chunk: bytes


@dataclass(frozen=True, slots=True)
class TraceRequestEndParams:
    """The answer's head is there."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestExceptionParams:
    """The request failed."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    exception: BaseException


@dataclass(frozen=True, slots=True)
class TraceRequestRedirectParams:
    """The answer is a redirect."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestHeadersSentParams:
    """The request's head was written."""

    method: str
    url: URL
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedStartParams:
    """The request waits for its turn at the pool."""


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedEndParams:
    """It is the request's turn."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateStartParams:
    """A connection is made."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateEndParams:
    """A connection was made."""


@dataclass(frozen=True, slots=True)
class TraceConnectionReuseconnParams:
    """A connection of the pool is used."""


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostStartParams:
    """A name is looked up."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostEndParams:
    """A name was looked up."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheHitParams:
    """A name's addresses are known."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheMissParams:
    """A name's addresses are not known."""

    host: str


class Tracing:
    """One request and those who are told of it."""

    __slots__ = ("_session", "_told", "_untold")

    def __init__(self, session: ClientSession, configs: Iterable[Any], context: Any) -> None:
        self._session = session
        self._untold = [(config, config.trace_config_ctx(trace_request_ctx=context)) for config in configs]
        self._told: list[tuple[Any, Any]] = []

    async def start(self, params: TraceRequestStartParams) -> None:
        """Tell of the beginning; whoever has heard of it hears of the end, too."""
        for config, context in self._untold:
            await config.on_request_start.send(self._session, context, params)
            self._told.append((config, context))

    async def send(self, name: str, params: object) -> None:
        """Tell them: `name` is the signal's, `params` what it carries."""
        for config, context in self._told:
            await getattr(config, name).send(self._session, context, params)
