"""Types of ferrio's native module; `import ferrio` is the way in.

Written by hand and checked against the module by stubtest. Names with an underscore are for ferrio's own
Python files, or answer to names that libraries read on asyncio's objects; neither is an interface.
"""

import asyncio
import sys
from asyncio.transports import _FlowControlMixin
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Hashable, Iterable
from contextvars import Context
from socket import _Address, socket
from traceback import StackSummary
from types import GenericAlias, ModuleType, TracebackType
from typing import Any, Generic, Literal, Self, SupportsIndex, TypeVar, final, type_check_only

from _typeshed import FileDescriptorLike, ReadableBuffer, WriteableBuffer
from typing_extensions import TypeVarTuple, disjoint_base

__all__ = [
    "Announcing",
    "BaseLoop",
    "Clients",
    "Completions",
    "Condition",
    "DatagramTransport",
    "Event",
    "Future",
    "Handle",
    "HttpAnswer",
    "HttpClientConnection",
    "HttpConnection",
    "HttpDecoder",
    "HttpFrames",
    "HttpPool",
    "HttpServing",
    "HttpSession",
    "HttpSocks",
    "Lock",
    "Queue",
    "ReadPipeTransport",
    "SSLTransport",
    "Semaphore",
    "SocketTransport",
    "StreamReader",
    "StreamReaderProtocol",
    "StreamWriter",
    "Task",
    "TaskGroup",
    "Timeout",
    "TimerHandle",
    "WorkQueue",
    "WritePipeTransport",
    "WsgiApp",
    "__build__",
    "__version__",
    "_count_signals",
    "_look_up",
    "_record_holders",
    "_signals_counted",
    "_task_layout",
    "_tasks",
    "_waiting_for",
    "create_task",
    "direct_tls",
    "eager_task_factory",
    "ensure_future",
    "gather",
    "is_ipv4",
    "is_public_suffix",
    "literal_address",
    "plain_fields",
    "shield",
    "sleep",
    "timeout",
    "timeout_at",
    "wait",
    "wait_for",
]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_Ts = TypeVarTuple("_Ts")
_ReadPipe = TypeVar("_ReadPipe", bound=ReadPipeTransport)
_WritePipe = TypeVar("_WritePipe", bound=WritePipeTransport)

__build__: str
__version__: str
_package: ModuleType

def _look_up() -> None: ...
def direct_tls() -> str | None:
    """Why OpenSSL is not called directly; None if it is."""

def literal_address(host: Any, port: Any, family: Any, type: Any, proto: Any, flags: Any) -> list[Any] | None:
    """The answer of `socket.getaddrinfo()` to the same arguments, or `None` where it has to be asked."""

def plain_fields(items: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]] | None:
    """Header fields as they are sent, but for the length of the body; None where Python code has to look at one: at a
    class with a `__str__` of its own, a control character, a name or a lone surrogate that is not ASCII."""

def is_ipv4(host: str) -> bool:
    """Whether a host is an address of IPv4 as `inet_ntop()` writes it."""

def is_public_suffix(domain: str) -> bool:
    """Whether a domain, in lower case and ASCII, is nobody's: `com`, `co.uk`, `github.io`."""

def _tasks() -> list[Task[Any]]: ...  # that are alive, of any loop
def _task_layout() -> dict[str, int] | None: ...  # where tools find what, if tasks are on that list
def _waiting_for(future: asyncio.Future[Any]) -> list[asyncio.Task[Any]]: ...
def _record_holders(on: bool) -> None: ...
def _count_signals() -> None: ...
def _signals_counted() -> int: ...

@disjoint_base
class Future(asyncio.Future[_T]):
    """A result that is not there yet. Future(*, loop=None): made by loop.create_future()."""

    def __next__(self) -> Any: ...  # a future is its own awaitable iterator
    def send(self, value: Any, /) -> Any: ...

@disjoint_base
class Task(asyncio.Task[_T_co]):
    """A coroutine that runs by itself: made by create_task().

    Task(coro, *, loop=None, name=None, context=None)
    """

    _waits_since: float | None

    def __next__(self) -> Any: ...  # as Future's
    def send(self, value: Any, /) -> Any: ...

# Native functions in the place of asyncio's: their signatures are asyncio's own.
create_task = asyncio.create_task
ensure_future = asyncio.ensure_future
gather = asyncio.gather
shield = asyncio.shield
sleep = asyncio.sleep
timeout = asyncio.timeout
timeout_at = asyncio.timeout_at
wait = asyncio.wait
wait_for = asyncio.wait_for
if sys.version_info >= (3, 12):
    eager_task_factory = asyncio.eager_task_factory
else:
    eager_task_factory: Callable[..., asyncio.Task[Any]]  # there, but not ferrio's: asyncio has none

Timeout = asyncio.Timeout

@final
class Announcing:
    """What stands in the place of asyncio's `_set_running_loop`, and tells `foreign` of loops that are not ferrio's."""

    @property
    def ours_ran(self) -> bool: ...
    def __new__(
        cls,
        set_running: Callable[[asyncio.AbstractEventLoop | None], None],
        foreign: Callable[[asyncio.AbstractEventLoop], object],
    ) -> Self: ...
    def __call__(self, event_loop: asyncio.AbstractEventLoop | None, /) -> None: ...

@final
class Clients:
    """The connections of a server, which it must not keep alive: what it uses of a WeakSet."""

    def __new__(cls) -> Self: ...
    def add(self, transport: asyncio.BaseTransport) -> None: ...
    def discard(self, transport: asyncio.BaseTransport) -> None: ...
    def copy(self) -> list[asyncio.BaseTransport]: ...
    def __len__(self) -> int: ...

@disjoint_base
class Completions:
    """Gives what becomes of futures, in the order in which they are done."""

    def __init__(self, futures: set[asyncio.Future[Any]], task: asyncio.Task[Any] | None, /) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Coroutine[Any, Any, Any]: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Coroutine[Any, Any, Any]: ...
    def expire(self) -> None:
        """The time is over: what is not done raises TimeoutError."""

    def limit(self, timer: asyncio.TimerHandle, /) -> None:
        """Take the timer that will call expire(), to cancel it when all are done."""

@disjoint_base
class TaskGroup:
    """The native part of a task group."""

    _loop: asyncio.AbstractEventLoop | None
    _on_completed_fut: asyncio.Future[bool] | None
    _open: bool
    _exiting: bool
    _parent_task: asyncio.Task[Any] | None

    @property
    def _tasks(self) -> set[asyncio.Task[Any]]: ...
    def _on_task_done(self, task: asyncio.Task[Any], /) -> None: ...
    def create_task(
        self, coro: Coroutine[Any, Any, _T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[_T]:
        """Create a new task in this group and return it."""

@disjoint_base
class Lock:
    """A lock for tasks: the native part."""

    _loop: asyncio.AbstractEventLoop | None
    @property
    def _locked(self) -> bool: ...
    @property
    def _waiters(self) -> deque[asyncio.Future[Any]]: ...
    def _start(self, plain: bool, /) -> None: ...
    def locked(self) -> bool: ...
    def acquire(self) -> Coroutine[Any, Any, Literal[True]]: ...
    def release(self) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None: ...

@disjoint_base
class Condition:
    """A condition for tasks: the native part."""

    _loop: asyncio.AbstractEventLoop | None
    _waiters: deque[asyncio.Future[Any]]
    def _start(self, lock: Any, plain: bool) -> None: ...
    async def wait(self) -> Literal[True]: ...
    def notify(self, n: int = 1) -> None: ...
    def notify_all(self) -> None: ...

@disjoint_base
class Event:
    """A flag that tasks wait for: the native part."""

    _loop: asyncio.AbstractEventLoop | None
    _value: bool
    @property
    def _waiters(self) -> deque[asyncio.Future[Any]]: ...
    def _start(self, plain: bool, /) -> None: ...
    def is_set(self) -> bool: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...
    def wait(self) -> Coroutine[Any, Any, Literal[True]]: ...

@disjoint_base
class Semaphore:
    """A semaphore for tasks: the native part."""

    _loop: asyncio.AbstractEventLoop | None
    _value: int
    _bound_value: int | None
    @property
    def _waiters(self) -> deque[asyncio.Future[Any]]: ...
    def _start(self, value: int, bounded: bool, plain: bool) -> None: ...
    def locked(self) -> bool: ...
    def acquire(self) -> Coroutine[Any, Any, Literal[True]]: ...
    def release(self) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None: ...

@disjoint_base
class Queue(Generic[_T]):
    """A queue for tasks: the native part."""

    @classmethod
    def __class_getitem__(cls, type: Any, /) -> GenericAlias: ...
    _loop: asyncio.AbstractEventLoop | None
    _maxsize: int
    _queue: Any
    _unfinished_tasks: int
    _is_shutdown: bool
    @property
    def _finished(self) -> asyncio.Event: ...
    @property
    def _getters(self) -> deque[asyncio.Future[Any]]: ...
    @property
    def _putters(self) -> deque[asyncio.Future[Any]]: ...
    @property
    def maxsize(self) -> int: ...
    def _start(self, maxsize: int, order: int, plain: bool) -> None: ...
    def _init(self, maxsize: int, /) -> None: ...
    def _get(self) -> _T: ...
    def _put(self, item: _T, /) -> None: ...
    def qsize(self) -> int: ...
    def empty(self) -> bool: ...
    def full(self) -> bool: ...
    def put(self, item: _T) -> Coroutine[Any, Any, None]: ...
    def put_nowait(self, item: _T) -> None: ...
    def get(self) -> Coroutine[Any, Any, _T]: ...
    def get_nowait(self) -> _T: ...
    def task_done(self) -> None: ...
    async def join(self) -> None: ...
    def shutdown(self, immediate: bool = False) -> None: ...

@disjoint_base
class HttpServing:
    """What the connections of an HTTP server share. Its connect() is the protocol factory."""

    def __init__(
        self, app: Callable[..., Any], loop: asyncio.AbstractEventLoop, settings: dict[str, Any] = ..., /
    ) -> None: ...
    @property
    def connections(self) -> set[HttpConnection]: ...
    @property
    def requests(self) -> int: ...
    @property
    def busy(self) -> int: ...
    def connect(self) -> HttpConnection: ...
    def tasks(self) -> list[asyncio.Task[None]]: ...
    def tick(self) -> None: ...

@disjoint_base
class WsgiApp:
    """A WSGI application, and what its requests share."""

    app: Callable[..., Any]
    on_loop: bool

    def __init__(self, app: Callable[..., Any], always: dict[str, Any], on_loop: bool, /) -> None: ...
    def environ(self, scope: dict[str, Any], /) -> dict[str, Any]: ...
    def request(
        self, environ: dict[str, Any], loop: asyncio.AbstractEventLoop, send: Callable[..., Any]
    ) -> Coroutine[Any, Any, None]: ...

@final
class HttpConnection(asyncio.Protocol):
    """A connection of an HTTP server. Made by HttpServing.connect()."""

    close_timeout: float

    @property
    def transport(self) -> asyncio.Transport | None: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def client(self) -> tuple[str, int] | None: ...
    @property
    def server(self) -> tuple[str, int | None] | None: ...
    def retire(self) -> None: ...
    def shutdown(self) -> None: ...
    def _go_on(self) -> None: ...

@disjoint_base
class HttpClientConnection(asyncio.Protocol):
    """A client's connection: a protocol of `loop`, on any transport. One exchange at a time.

    `failure(kind, detail, answer)` makes the exceptions, since their classes are Python's. `detail` is a text, an
    exception or None. Kinds:

    * "disconnected": the server went before the answer began.
    * "lost": the same, or later, by an error, which is `detail`.
    * "broken": what came is no HTTP. "cut": the body ended too early, or is no body.
    * "closed": the answer was released, or its connection closed, before.
    * "timeout": its time was over.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        failure: Callable[[str, Any, Any], BaseException],
        max_line: int = ...,
        max_head: int = ...,
        max_headers: int = ...,
        folds: bool = ...,
    ) -> None: ...
    @property
    def transport(self) -> asyncio.Transport | None: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def usable(self) -> bool:
        """Whether a request may be sent now: connected, no exchange under way, not ended by either side."""
    @property
    def reused(self) -> bool:
        """Whether the exchange under way is not the connection's first."""
    @property
    def stale(self) -> bool:
        """Whether the exchange under way, or the last one, was not the first and no byte of its answer came: it
        may be sent again.
        """
    @property
    def idle_since(self) -> float:
        """When the last exchange ended, in the loop's time."""
    @property
    def deadline(self) -> float:
        """When the exchange under way fails with "timeout", in the loop's time, to the second; infinite. Kept by
        the pool.
        """

    @deadline.setter
    def deadline(self, value: float) -> None: ...
    def send(
        self,
        answer: HttpAnswer,
        method: bytes,
        target: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes | None = ...,
        length: int | None = ...,
        old: bool = ...,
        /,
    ) -> None:
        """Write a request; `answer`, which is new, gets what comes. With `length`, the body follows by write()
        and end(); -1: in chunks. `old`: by HTTP/1.0.

        `headers` has Host, and neither Content-Length nor Transfer-Encoding. ValueError: HTTP has no such
        request, and nothing was written.
        """

    def write(self, data: Any, /) -> None:
        """Write a part of the body. Nothing happens where the connection is gone. ValueError: more than `length`."""

    def end(self, trailers: Iterable[tuple[bytes, bytes]] = ..., /) -> None:
        """The body is whole. ValueError: less than `length`."""

    def drain(self) -> Coroutine[Any, Any, None]:
        """Wait until there is room to write, or never will be."""

    def wait_continue(self) -> Coroutine[Any, Any, bool]:
        """Wait for 100 Continue; False: the final answer came instead, or the connection is gone."""

    def upgrade(self) -> tuple[asyncio.Transport, bytes]:
        """After 101, or 2xx to CONNECT: the transport, which is paused, and what came behind the head. The
        connection leaves both.
        """

    def close(self) -> None:
        """Close at once: whoever waits for the answer gets "closed"."""

    def give_up(self, answer: HttpAnswer, /) -> None:
        """Close, unless the exchange of this answer is over: others may have the connection then."""

@disjoint_base
class HttpAnswer:
    """An answer, and the base of ClientResponse. New ones are empty, until HttpClientConnection.send() has them
    filled.
    """

    method: str
    status: int
    @property
    def reason(self) -> str: ...
    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]: ...
    @property
    def _minor_version(self) -> int:
        """0 or 1."""
    @property
    def _trailers(self) -> tuple[tuple[bytes, bytes], ...]: ...
    @property
    def _connection(self) -> HttpClientConnection | None:
        """None once the exchange is over."""
    _session: Any
    """Who asked; the fast path sets its HttpSession."""
    _route: Any
    """What the session's _route() has made of the URL; the fast path sets it."""
    @property
    def _target(self) -> bytes | None:
        """Where the fast path sent it, if that is not where its route leads."""
    @property
    def _sent_headers(self) -> tuple[tuple[bytes, bytes], ...] | None:
        """What header fields the fast path sent, if they are not its route's."""
    _body: bytes | None
    """All of the body, once read() is done."""
    @property
    def _released(self) -> bool: ...
    @property
    def _upgraded(self) -> bool: ...
    @property
    def _early(self) -> tuple[tuple[int, tuple[tuple[bytes, bytes], ...]], ...]:
        """The informational answers that came, without 100: at most 16."""
    def _header(self, name: bytes, /) -> bytes | None:
        """The first of that name, which is given in small letters."""

    def _wait(self) -> Coroutine[Any, Any, HttpAnswer]:
        """Wait for the head. Cancelled, it closes the connection."""

    def read(self) -> Coroutine[Any, Any, bytes]:
        """All of the body, also when it was read before. Cancelled, it closes the connection."""

    def _read_any(self, most: int = ..., /) -> Coroutine[Any, Any, bytes]:
        """What there is of the body, at most so much; empty at its end. Cancelled, nothing is lost."""

    def _read_chunk(self) -> Coroutine[Any, Any, tuple[bytes, bool]]:
        """What there is of one of HTTP's chunks, and whether that ends it. Cancelled, nothing is lost."""

    def _read_until(self, separator: bytes, most: int, /) -> Coroutine[Any, Any, bytes]:
        """What there is up to a separator and with it, or what is left. `LineTooLong`: that is more than `most`."""

    def _read_until_now(self, separator: bytes, most: int, /) -> bytes:
        """The same without waiting: empty where it is not there."""

    def _read_exactly(self, most: int, /) -> Coroutine[Any, Any, bytes]:
        """So much; `IncompleteReadError` where there is less."""

    def _read_rest(self) -> Coroutine[Any, Any, bytes]:
        """All that is left. Cancelled, nothing is lost."""

    def _next_piece(self, most: int, /) -> Coroutine[Any, Any, bytes]:
        """As _read_any(), and `StopAsyncIteration` at the end; the next two likewise."""

    def _next_line(self, most: int, /) -> Coroutine[Any, Any, bytes]: ...
    def _next_chunk(self) -> Coroutine[Any, Any, tuple[bytes, bool]]: ...
    def _fail(self, error: BaseException, /) -> None:
        """Have whoever reads parts of the body see it."""
    @property
    def _error(self) -> BaseException | None:
        """What whoever reads it was told, or is to be."""
    @property
    def _is_awaited(self) -> bool:
        """Whether somebody waits for more."""

    def _read_now(self, most: int = ..., /) -> bytes:
        """As _read_any(), without waiting: empty where nothing is there."""

    def _unread(self, data: bytes, /) -> None:
        """Put `data` in front of what is there."""
    @property
    def _buffered(self) -> int: ...
    @property
    def _received(self) -> int:
        """How many bytes of the body have come, read or not."""
    @property
    def _at_eof(self) -> bool:
        """Whether the body is whole, and read."""
    @property
    def _whole(self) -> bool:
        """Whether the body came to its end."""
    @property
    def closed(self) -> bool: ...
    def release(self) -> Any:
        """Give the connection back. If the body is not whole, it is closed. What has come stays readable; returns
        an awaitable of None.
        """

    def close(self) -> None:
        """Close the connection, unless it was given back."""

    def _fill(
        self,
        status: int,
        reason: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        /,
    ) -> None:
        """Make it an answer that came without a connection."""

@disjoint_base
class HttpPool:
    """The connections of a connector, by key. A connection goes back by itself when its exchange is over."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        limit: int = ...,
        limit_per_host: int = ...,
        keep_alive: float = ...,
    ) -> None: ...
    def acquire(self, key: Hashable, /) -> Coroutine[Any, Any, HttpClientConnection | None]:
        """An idle connection, or None: room for one, to be made and told by add(), or given up by give_up(). First
        come, first served.
        """

    def take(self, key: Hashable, /) -> HttpClientConnection | None:
        """An idle connection if nobody waits and there is one, now."""

    def add(self, key: Hashable, connection: HttpClientConnection, /) -> None:
        """The connection that was made; it is in use."""

    def give_up(self, key: Hashable, /) -> None:
        """No connection was made."""

    def close(self, failure: BaseException | None = ...) -> None:
        """Close all connections, also those in use; who waits for one gets `failure`."""

    def abandon(self) -> None:
        """In a child after fork(): forget all connections without a word to their servers."""
    @property
    def idle(self) -> int: ...
    @property
    def used(self) -> int:
        """Connections in use, and room for those that are being made."""
    @property
    def waiting(self) -> int: ...
    def idle_of(self, key: Hashable, /) -> list[HttpClientConnection]: ...
    def _sweep(self) -> None: ...

@disjoint_base
class HttpSession:
    """The base of ClientSession: requests that ask for nothing special.

    `session.get(url)` runs natively on a `_plain` session if the URL has a route, and the options are of these:
    `params=` and `headers=` as a dictionary, pairs, or one of multidict's; `data=` of bytes, a text, or a dictionary of
    texts; `json=`, `timeout=`, `raise_for_status=`, redirects. Where no connection is free and no room for one, the
    request waits in line.
    Everything else is awaited from the subclass, which has:

    * `_request(method, url, **options)`, as aiohttp's.
    * `_resume(method, url, deadline, is_last, **options)`: the same, for a request that was begun natively and has to
      be over by a moment in the loop's time; `is_last` where a new connection was ended before there was an answer.
    * `_route(method, url)`, asked once for a URL, until _forget_routes(): (key of the pool, target, headers), or
      more behind these; None where the URL is not for native requests. If these are five, the fourth says how many of
      the headers, the first ones, the session has from its program (None: a request's may not be put among them), and
      the fifth whether other paths of the origin have this route, too.
      With a third argument, it is for requests with a body of that type.
    * `_open(route, target, deadline)`, where `_opens` says that this is there: a new connection for a request by what
      `_route()` made, to that target where it is not the route's, by that moment if it is not infinite. The request's
      `timeout=` is a fourth argument, if it has one.
    * `_json_body(value)`: the bytes of `json=`. Asked once for a request; where the subclass goes on with that, it gets
      `_json_payload(bytes)` as `data=` instead.
    * `_settle(answer, deadline, **options)`, awaited where an answer asks for more: it is a redirect, has Set-Cookie or
      Content-Encoding, or is an error while `_raises`. What it returns is what the caller gets.
    * `_late(url)`, if it likes: the exception of a request whose `_total` was over while it waited in line.
    """

    _pool: HttpPool | None
    _answer_class: type[HttpAnswer]
    _plain: bool
    _raises: bool
    _own_request: Any
    _total: float | None
    """Seconds a request may take as a whole."""
    _hurries: bool
    """Requests may not wait in line natively."""
    _opens: bool
    _headers_version: Callable[[], int] | None
    """Tells which version the program's headers have; another one than before makes routes be forgotten."""
    def _set_up(
        self,
        pool: HttpPool,
        request: Any,
        answer_class: type[HttpAnswer],
        raises: Any,
        total: float | None,
        hurries: Any,
        plain: Any,
        /,
    ) -> None:
        """Set `_pool`, `_own_request`, and so on, and that it opens."""
    def _forget_routes(self) -> None: ...
    def get(self, url: Any, **options: Any) -> HttpFetch: ...
    def options(self, url: Any, **options: Any) -> HttpFetch: ...
    def head(self, url: Any, **options: Any) -> HttpFetch: ...
    def post(self, url: Any, **options: Any) -> HttpFetch: ...
    def put(self, url: Any, **options: Any) -> HttpFetch: ...
    def patch(self, url: Any, **options: Any) -> HttpFetch: ...
    def delete(self, url: Any, **options: Any) -> HttpFetch: ...
    def request(self, method: str, url: Any, **options: Any) -> HttpFetch: ...

@type_check_only
class HttpFetch(Coroutine[Any, Any, Any]):
    """A request under way: awaited, or entered by `async with`, which releases the answer at its end."""

    def send(self, value: None, /) -> Any: ...
    def throw(self, *error: Any) -> Any: ...
    def close(self) -> None: ...
    def __await__(self) -> Generator[Any, Any, Any]: ...
    def __aenter__(self) -> HttpFetch: ...
    def __aexit__(self, exc_type: object, exc: object, tb: object, /) -> Coroutine[Any, Any, None]: ...

@disjoint_base
class HttpDecoder:
    """Unpacks a body: gzip, deflate, br, zstd. One that is broken is a `ValueError`."""

    def __init__(self, encoding: str) -> None: ...
    def decode(self, data: bytes, /) -> bytes:
        """What comes of a piece, or with an empty one of what is left: at most 256 KiB."""

    @property
    def has_more(self) -> bool:
        """Whether more may come without more data."""

    @property
    def is_whole(self) -> bool:
        """Whether the body may end here."""

@disjoint_base
class HttpFrames:
    """The client's side of a WebSocket, without I/O.

    `deflate`, where compression was agreed on: whether the server and the client begin each message anew, and their
    windows.
    """

    def __init__(
        self,
        max_message_size: int = ...,
        decode_text: bool = ...,
        answer_pings: bool = ...,
        deflate: tuple[bool, bool, int, int] | None = ...,
    ) -> None: ...
    def receive(self, data: bytes, /) -> tuple[list[tuple[int, Any, Any]], bytes]:
        """Read bytes: messages `(kind, data, extra)`, whose kinds are aiohttp's, and the bytes that answer them."""

    def text(self, text: str, /) -> bytes:
        """The frame of a text; as with the next four, nothing where the closing has begun."""

    def binary(self, data: Any, /) -> bytes: ...
    def packed(self, data: Any, /) -> bytes:
        """The frame of either, compressed however short it is, where the server agreed to that."""
    def ping(self, data: bytes, /) -> bytes: ...
    def pong(self, data: bytes, /) -> bytes: ...
    def close(self, code: int, reason: str) -> bytes:
        """The frame that closes; nothing where that was sent."""

@disjoint_base
class HttpSocks:
    """What is said to a SOCKS 5 proxy until the connection is the peer's, without I/O."""

    def __init__(self, host: str, port: int, credentials: tuple[str, str] | None = ...) -> None:
        """To whom the proxy is to connect, and who asks: a ValueError where SOCKS cannot say it."""

    def begin(self) -> bytes:
        """What is said first."""

    def advance(self, data: bytes, /) -> tuple[bytes, bool]:
        """What is to be sent, and whether the connection is the peer's now; a ValueError says why there is none."""

@disjoint_base
class WorkQueue:
    """What the loop's own threads take their work from."""

    def put(
        self, loop: asyncio.AbstractEventLoop, function: Callable[..., _T], arguments: tuple[Any, ...]
    ) -> tuple[asyncio.Future[_T], bool]: ...
    def put_plain(self, function: Callable[[], None], /) -> bool: ...
    def work(self) -> None: ...
    def close(self) -> None: ...
    def cancel_all(self) -> list[Any]: ...

@disjoint_base
class Handle(asyncio.Handle):
    """A callback that runs at the loop's next turn. Made by loop.call_soon()."""

    @property
    def _callback(self) -> Callable[..., object] | None: ...
    @property
    def _args(self) -> tuple[Any, ...] | None: ...  # type: ignore[override]  # asyncio's is None too, once cancelled
    @property
    def _cancelled(self) -> bool: ...  # type: ignore[override]  # read-only: set by cancel() alone
    @property
    def _context(self) -> Context: ...
    @property
    def _loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def _source_traceback(self) -> StackSummary | None: ...
    @_source_traceback.setter
    def _source_traceback(self, value: StackSummary | None) -> None: ...
    @property
    def _repr(self) -> str | None: ...
    def cancel(self) -> None:
        """Do not run the callback. Harmless when it has run."""

    def cancelled(self) -> bool:
        """Whether cancel() was called."""

    def _run(self) -> None:
        """Run the callback now."""

@disjoint_base
class TimerHandle(asyncio.TimerHandle):
    """A callback that runs at a time. Made by loop.call_later() and loop.call_at()."""

    @property
    def _when(self) -> float: ...
    @property
    def _scheduled(self) -> bool: ...
    @property
    def _callback(self) -> Callable[..., object] | None: ...
    @property
    def _args(self) -> tuple[Any, ...] | None: ...  # type: ignore[override]  # as Handle's
    @property
    def _cancelled(self) -> bool: ...  # type: ignore[override]  # as Handle's
    @property
    def _context(self) -> Context: ...
    @property
    def _loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def _source_traceback(self) -> StackSummary | None: ...
    @_source_traceback.setter
    def _source_traceback(self, value: StackSummary | None) -> None: ...
    @property
    def _repr(self) -> str | None: ...
    def cancel(self) -> None:
        """Do not run the callback. Harmless when it has run."""

    def cancelled(self) -> bool:
        """Whether cancel() was called."""

    def when(self) -> float:
        """The time, on the loop's clock, at which the callback runs."""

    def _run(self) -> None:
        """Run the callback now."""

@disjoint_base
class BaseLoop:
    """The native part of ferrio's event loop: what runs for every callback, timer, packet and connection.

    Not a loop by itself; `ferrio.Loop` is this class, then asyncio's own selector loop.
    """

    _closed: bool
    _debug: bool
    _held: int  # what is under way outside the loop: while there is anything, a virtual clock does not jump
    _stopping: bool
    _thread_id: int | None

    @property
    def _ready(self) -> list[asyncio.Handle]: ...
    @_ready.setter
    def _ready(self, value: object) -> None: ...
    @property
    def _scheduled(self) -> list[asyncio.TimerHandle]: ...
    @_scheduled.setter
    def _scheduled(self, value: object) -> None: ...
    _task_factory: Any
    _keeps_tasks: bool
    def _let_tasks_go(self) -> None: ...
    def create_future(self) -> asyncio.Future[Any]:
        """A new Future of this loop."""

    def create_task(
        self,
        coro: Generator[Any, None, _T] | Coroutine[Any, Any, _T],
        *,
        name: object = None,
        context: Context | None = None,
        eager_start: bool | None = None,
        **kwargs: Any,
    ) -> asyncio.Task[_T]:
        """Run a coroutine as a task."""

    @property
    def time(self) -> Callable[[], float]:
        """The loop's clock, in seconds: `loop.time()`. A test may set its own."""

    @time.setter
    def time(self, value: Callable[[], float]) -> None: ...
    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call callback(*args) at the loop's next turn."""

    def call_soon_threadsafe(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As call_soon(), from any thread."""

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call callback(*args) after delay seconds."""

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call callback(*args) when the loop's clock reaches when."""

    def stop(self) -> None:
        """Stop running at the end of the present turn."""

    def is_running(self) -> bool:
        """Whether the loop runs."""

    def is_closed(self) -> bool:
        """Whether the loop was closed."""

    def get_debug(self) -> bool:
        """Whether debug mode is on."""

    async def sock_recv(self, sock: socket, n: int) -> bytes:
        """Receive at most n bytes. A coroutine."""

    async def sock_recv_into(self, sock: socket, buf: WriteableBuffer) -> int:
        """Receive into a writable buffer; gives the number of bytes. A coroutine."""

    async def sock_sendall(self, sock: socket, data: ReadableBuffer) -> None:
        """Send all of data. A coroutine."""

    def _sock_connect(self, fut: Future[None], sock: socket, address: Any) -> None:
        """Begin to connect, as asyncio does."""

    def _run_outermost(self) -> None:
        """Run until stop() is called, as the thread's running loop."""

    def _run_turns(self) -> None:
        """Run until stop() is called."""

    def _run_once(self) -> None:
        """Run one turn."""

    def _monotonic(self) -> float:
        """The loop's clock, in seconds."""

    def _notice_time(self) -> None:
        """Find out whether a subclass has a clock of its own."""

    def _poller(self) -> str:
        """The name of the poller in use."""

    def _progress(self) -> int | None:
        """A number that stays the same while the loop is in one callback; None while it does not run, or sleeps."""

    def _add_reader(
        self,
        fd: FileDescriptorLike,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call callback(*args) whenever fd can be read."""

    def _add_writer(
        self,
        fd: FileDescriptorLike,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call callback(*args) whenever fd can be written."""

    def _remove_reader(self, fd: FileDescriptorLike) -> bool:
        """Undo _add_reader()."""

    def _remove_writer(self, fd: FileDescriptorLike) -> bool:
        """Undo _add_writer()."""

    def _settle(self) -> None:
        """Send what transports hold."""

    def _transport_of(self, fd: int) -> asyncio.BaseTransport | None:
        """The open transport that has a descriptor, or None."""

    def _forget_transport(self, fd: int, transport: asyncio.BaseTransport) -> None:
        """A transport has its descriptor no more."""

    def _remember_transport(self, fd: int, transport: asyncio.BaseTransport) -> None:
        """Undo _forget_transport()."""

    def _listen(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        sock: socket,
        server: asyncio.AbstractServer | None,
        backlog: int,
        arguments: tuple[Any, ...],
        tls: Callable[[Any, Any], Any] | None = None,
        context: Context | None = None,
    ) -> bool:
        """Accept connections of sock until _stop_serving(); False where its methods are replaced."""

    def _connect_to(
        self, protocol: asyncio.BaseProtocol, host: str, port: int
    ) -> Coroutine[Any, Any, asyncio.Transport] | None:
        """A transport to a numeric address, to be awaited; None where that takes a socket of Python's."""

    def _tls(
        self,
        cls: type[Any],
        protocol: asyncio.BaseProtocol,
        context: Any,
        waiter: asyncio.Future[None] | None,
        server_side: bool,
        object: Any,
        inner: Any,
        called_inside: tuple[bool, ...],
        incoming: Any | None,
        outgoing: Any | None,
        known: bool,
        accepted: bool,
        handshake: float,
        shutdown: float,
        calls_in: Context | None,
        /,
    ) -> Any:
        """A TLS transport of a class, not connected yet."""

    def _make_socket_transport(
        self,
        sock: socket,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
        server: asyncio.AbstractServer | None = None,
        context: Context | None = None,
    ) -> Any:
        """A transport over a connected socket."""

    def _make_datagram_transport(
        self,
        sock: socket,
        protocol: asyncio.BaseProtocol,
        address: _Address | None = None,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Any:
        """A transport over a datagram socket."""

    def _read_pipe(
        self,
        cls: type[_ReadPipe],
        pipe: Any,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _ReadPipe:
        """A transport of a class over the reading end of a pipe."""

    def _write_pipe(
        self,
        cls: type[_WritePipe],
        pipe: Any,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _WritePipe:
        """A transport of a class over the writing end of a pipe."""

@type_check_only
class _Transport:
    """What the native transports share. Each has it for itself at run time."""

    _stored_extra: dict[str, Any] | None

    @property
    def _gone(self) -> bool: ...
    @property
    def _abandoned(self) -> bool: ...
    @property
    def _closing(self) -> bool: ...
    @property
    def _loop(self) -> Any: ...  # None once it is gone
    @property
    def _protocol(self) -> asyncio.BaseProtocol | None: ...
    def _abandon(self) -> None:
        """Close the descriptor and nothing else, for good."""

    def _disown(self) -> None:
        """Close the descriptor and nothing else."""

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol."""

    def is_closing(self) -> bool:
        """Whether it is closing or closed."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Set the protocol."""

class _Reading:
    """What is read has these."""

    def is_reading(self) -> bool:
        """Whether it receives data."""

    def pause_reading(self) -> None:
        """Receive no data until resume_reading()."""

    def resume_reading(self) -> None:
        """Receive data again."""

class _Flow:
    """What is written has these."""

    def abort(self) -> None:
        """Close at once."""

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The limits of the write buffer: low, high."""

    def get_write_buffer_size(self) -> int:
        """How many bytes wait to be written."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the limits of the write buffer."""

class _Stream(_Transport):
    """What the native stream transports share."""

    _quiet_owner: Any  # the object that closes the descriptor, if it is not ours

    @property
    def _owner(self) -> Any: ...
    @property
    def _quiet_number(self) -> int: ...
    @property
    def _polling(self) -> bool: ...
    @property
    def _fileno(self) -> int: ...
    def _fatal_error(self, exc: BaseException, message: str = "Fatal error on transport") -> None:
        """Report an error and close at once."""

    def close(self) -> None:
        """Close, after what was written."""

class _Writing(_Flow):
    """What is written as a stream has these."""

    @property
    def _protocol_paused(self) -> bool: ...
    @property
    def _conn_lost(self) -> int: ...
    @property
    def _buffer_size(self) -> int: ...
    @property
    def _buffer(self) -> Any: ...
    @property
    def _high_water(self) -> Any: ...
    @property
    def _low_water(self) -> Any: ...
    def can_write_eof(self) -> bool:
        """True."""

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Write data; what does not fit now is written later."""

    def write_eof(self) -> None:
        """Write no more, after what was written."""

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        """Write several pieces of data."""

@disjoint_base
class SocketTransport(_Reading, _Writing, _Stream, _FlowControlMixin):
    """A stream transport. Made by the loop."""

    _quiet_owner: socket | None

    @property
    def _paused(self) -> bool: ...
    @property
    def _server(self) -> Any: ...
    @property
    def _sockname(self) -> tuple[Any, ...] | None: ...
    @property
    def _peername(self) -> tuple[Any, ...] | None: ...
    @property
    def _sock_fd(self) -> int: ...
    @property
    def _eof(self) -> bool: ...
    @property
    def _empty_waiter(self) -> asyncio.Future[None] | None: ...
    def _force_close(self, exc: BaseException | None) -> None:
        """Close at once, for the reason given."""

    def _share(self) -> None:
        """Send what is held, and hold nothing again."""

    def _settle(self) -> None:
        """Send what is held."""

    def _make_empty_waiter(self) -> asyncio.Future[None]:
        """A future that is done when all is written."""

    def _reset_empty_waiter(self) -> None:
        """Undo _make_empty_waiter()."""

@disjoint_base
class SSLTransport(_Reading, _Flow):
    """A TLS transport. Made by the loop."""

    _stored_extra: dict[str, Any] | None

    @property
    def _protocol(self) -> Any: ...
    @property
    def _transport(self) -> Any: ...
    @property
    def _sslcontext(self) -> Any: ...
    @property
    def _sslobj(self) -> Any: ...
    @property
    def _established(self) -> bool: ...
    @property
    def _engine(self) -> str: ...
    @property
    def _protocol_paused(self) -> bool: ...
    def close(self) -> None:
        """Close, after what was written."""

    def is_closing(self) -> bool:
        """Whether it is closing or closed."""

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Set the protocol."""

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Write data; what does not fit now is written later."""

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        """Write several pieces of data."""

    def pause_writing(self) -> None:
        """The socket has no room."""

    def resume_writing(self) -> None:
        """The socket has room again."""

    def get_read_buffer_limits(self) -> tuple[int, int]:
        """The limits of the read buffer: low, high."""

    def get_read_buffer_size(self) -> int:
        """How many bytes wait to be decrypted."""

    def set_read_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the limits of the read buffer."""

    def _check_handshake_timeout(self) -> None:
        """The handshake takes too long."""

    def _check_shutdown_timeout(self) -> None:
        """Closing takes too long."""

    def _force_close(self, exc: BaseException | None) -> None:
        """Close at once, for the reason given."""

    def _begin(self, transport: asyncio.BaseTransport, received: bytes = ...) -> None:
        """Begin the handshake over a transport."""

    def _test__append_write_backlog(self, data: bytes) -> None:
        """Queue data, for tests."""

@disjoint_base
class ReadPipeTransport(_Reading, _Stream, asyncio.ReadTransport):
    """A stream transport. Made by the loop."""

    @property
    def _paused(self) -> bool: ...

@disjoint_base
class WritePipeTransport(_Writing, _Stream, _FlowControlMixin):
    """A stream transport. Made by the loop."""

@disjoint_base
class DatagramTransport(_Reading, _Flow, _Transport, _FlowControlMixin, asyncio.DatagramTransport):
    """A datagram transport. Made by the loop."""

    @property
    def _sock_fd(self) -> int: ...
    @property
    def _sock(self) -> Any: ...
    @property
    def _address(self) -> _Address | None: ...
    @property
    def _paused(self) -> bool: ...
    @property
    def _protocol_paused(self) -> bool: ...
    @property
    def _conn_lost(self) -> int: ...
    @property
    def _buffer(self) -> Any: ...
    @property
    def _buffer_size(self) -> int: ...
    @property
    def _high_water(self) -> Any: ...
    @property
    def _low_water(self) -> Any: ...
    def close(self) -> None:
        """Close, after what was sent."""

    def sendto(self, data: bytes | bytearray | memoryview, addr: _Address | None = None) -> None:
        """Send one packet."""

@disjoint_base
class StreamReader:
    """The native part of ferrio.StreamReader."""

    _size: int
    _buffer: bytearray
    _limit: int
    _loop: asyncio.AbstractEventLoop
    _waiter: asyncio.Future[None] | None
    _exception: Exception | None
    _transport: asyncio.BaseTransport | None
    _eof: bool
    _paused: bool
    _source_traceback: StackSummary | None

    def __init__(self, limit: int = 65536, loop: asyncio.AbstractEventLoop | None = None) -> None: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Coroutine[Any, Any, bytes]: ...
    def set_exception(self, exc: Exception) -> None:
        """Raise an exception in whoever reads."""

    def feed_eof(self) -> None:
        """No more data will come."""

    def at_eof(self) -> bool:
        """Whether everything was read and no more will come."""

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Put data at the end of the buffer."""

    async def read(self, n: int = -1) -> bytes:
        """Read up to n bytes, or everything up to the end. A coroutine."""

    async def readline(self) -> bytes:
        """Read a line, with its newline. A coroutine."""

    async def readexactly(self, n: int) -> bytes:
        """Read exactly n bytes. A coroutine."""

    async def readuntil(
        self, separator: bytes | bytearray | memoryview | tuple[bytes | bytearray | memoryview, ...] = b"\n"
    ) -> bytes:
        """Read up to a separator, or the first of several in a tuple, and that. A coroutine."""

@disjoint_base
class StreamWriter:
    """The native part of ferrio.StreamWriter."""

    _transport: Any
    _protocol: Any
    _reader: asyncio.StreamReader | None
    _loop: asyncio.AbstractEventLoop
    _complete_fut: asyncio.Future[None]

    def __init__(
        self,
        transport: asyncio.BaseTransport,
        protocol: asyncio.BaseProtocol,
        reader: asyncio.StreamReader | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None: ...
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write data; what does not fit now is written later."""

    def writelines(self, data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Write several pieces of data."""

    async def drain(self) -> None:
        """Wait until there is room for more. A coroutine."""

@disjoint_base
class StreamReaderProtocol:
    """The native part of ferrio.StreamReaderProtocol."""

    _loop: asyncio.AbstractEventLoop
    _stream_reader_wr: Any
    _strong_reader: asyncio.StreamReader | None
    _source_traceback: StackSummary | None
    _transport: Any
    _stream_writer: asyncio.StreamWriter | None
    _task: asyncio.Task[Any] | None
    _client_connected_cb: Callable[..., Any] | None
    _closed: asyncio.Future[None]
    _drain_waiters: Any
    _over_ssl: bool
    _reject_connection: bool
    _paused: bool
    _connection_lost: bool

    def __init__(
        self,
        stream_reader: asyncio.StreamReader | None,
        client_connected_cb: Callable[..., Any] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None: ...
    def __del__(self) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a transport."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """The transport is closed."""

    def data_received(self, data: bytes) -> None:
        """Data came."""

    def eof_received(self) -> bool:
        """The peer sends no more."""

    def pause_writing(self) -> None:
        """The transport wants no more for now."""

    def resume_writing(self) -> None:
        """The transport takes more again."""
