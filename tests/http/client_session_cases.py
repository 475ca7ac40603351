"""Cases for the comparison of clients: connections, time limits, sessions, middlewares, traces, proxies, TLS, jars.

Over 500 lines because one table of cases is read more easily in one place.
"""

import asyncio
import base64
import contextlib
import gc
import gzip
import sys

from client_oracle import asks, case, failed, shown, told
from client_server import Server, answer

for status in (200, 201, 301, 399, 400, 404, 500, 599):
    asks(f"status_{status}", "GET", f"/status/{status}")
    asks(f"status_{status}_raises", "GET", f"/status/{status}", raise_for_status=True)
asks("session_raises", "GET", "/status/404", session={"raise_for_status": True})
asks("session_raises_but_not_here", "GET", "/status/404", session={"raise_for_status": True}, raise_for_status=False)


@case
async def raises_by_a_function(http, session, at):
    async def raise_for(response):
        raise ValueError(response.status)

    async with session.get(at.url("/status/200"), raise_for_status=raise_for) as response:
        return response.status


@case
async def response_errors(http, session, at):
    results = []
    async with session.get(at.url("/status/404")) as response:
        try:
            response.raise_for_status()
        except http.ClientResponseError as error:
            info = error.request_info
            results += [error.status, error.message, str(info.url), info.method, shown(info.headers), error.history]
            results += [sorted(error.headers.items()), len(error.args), repr(error)[:30]]
    made = http.ClientResponseError(info, (), status=400, message="m")
    return [*results, str(made), made.headers, made.code]


@case
async def connection_errors(http, session, at):
    results = []
    for url in ("http://127.0.0.1:1/x", "https://localhost:1/", "http://[::1]:1/"):
        try:
            await session.get(url)
        except http.ClientConnectorError as error:
            results.append((error.host, error.port, error.ssl, error.os_error.errno, str(error).split("[")[0]))
    return results


@case
async def unknown_host(http, session, at):
    class Nowhere(http.ThreadedResolver):
        async def resolve(self, host, port=0, family=0):
            raise OSError(-2, "Name or service not known")

    async with http.ClientSession(connector=http.TCPConnector(resolver=Nowhere())) as own:
        await own.get("http://nowhere.invalid/")


@case
async def own_resolver(http, session, at):
    class Here(http.ThreadedResolver):
        async def resolve(self, host, port=0, family=0):
            asked.append((host, port))
            return [
                {"hostname": host, "host": "127.0.0.1", "port": at.server.port, "family": 2, "proto": 0, "flags": 0}
            ]

    asked = []
    async with http.ClientSession(connector=http.TCPConnector(resolver=Here())) as own:
        for _ in range(2):
            async with own.get("http://somewhere.example:5/echo", headers={"Connection": "close"}) as response:
                result = await told(response)
    return result, asked


@case
async def server_gone_between(http, session, at):
    results = []
    for _ in range(3):
        async with session.get(at.url("/once/")) as response:
            results.append(await response.text())
        await asyncio.sleep(0.05)
    return results, at.server.connections


for method in ("GET", "PUT", "DELETE", "POST", "PATCH"):
    asks(f"flaky_{method}", method, "/flaky/")


@case
async def connections_are_kept(http, session, at):
    for _ in range(5):
        async with session.get(at.url("/raw/plain")) as response:
            await response.read()
    for _ in range(3):
        async with session.get(at.url("/raw/chunks")):
            pass
    return at.server.connections


@case
async def connections_are_limited(http, session, at):
    async with http.ClientSession(connector=http.TCPConnector(limit=2)) as own:

        async def one():
            async with own.get(at.url("/drip/")) as response:
                return await response.read()

        return await asyncio.gather(*(one() for _ in range(6))), at.server.connections


@case
async def connections_are_limited_by_host(http, session, at):
    async with http.ClientSession(connector=http.TCPConnector(limit_per_host=1)) as own:

        async def one():
            async with own.get(at.url("/drip/")) as response:
                return await response.read()

        return await asyncio.gather(*(one() for _ in range(4))), at.server.connections


@case
async def connections_are_closed(http, session, at):
    async with http.ClientSession(connector=http.TCPConnector(force_close=True)) as own:
        for _ in range(3):
            async with own.get(at.url("/raw/plain")) as response:
                await response.read()
    return at.server.connections


@case
async def cancelled(http, session, at):
    task = asyncio.create_task(session.get(at.url("/slow/head"))._coro if False else ask(session, at))
    await asyncio.sleep(0.05)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    async with session.get(at.url("/raw/plain")) as response:
        return task.cancelled(), await response.text()


async def ask(session, at):
    async with session.get(at.url("/slow/head")) as response:
        return response.status


for name, path, timeout in (
    ("total", "/slow/head", {"total": 0.1}),
    ("total_in_body", "/slow/body", {"total": 0.1}),
    ("read", "/slow/head", {"sock_read": 0.1}),
    ("read_in_body", "/slow/body", {"sock_read": 0.1}),
    ("read_below_0", "/slow/head", {"sock_read": -1}),
    ("none", "/drip/", {"total": None}),
    ("zero", "/drip/", {"total": 0}),
    ("enough", "/drip/", {"total": 5, "sock_read": 1, "connect": 1, "sock_connect": 1}),
):
    asks(f"limit_{name}", "GET", path, timeout=lambda http, timeout=timeout: http.ClientTimeout(**timeout))
asks("limit_number", "GET", "/slow/head", timeout=0.1)
asks("limit_of_session", "GET", "/slow/head", session={"timeout": lambda http: http.ClientTimeout(total=0.1)})


@case
async def limit_of_the_pool(http, session, at):
    timeout = http.ClientTimeout(connect=0.1)
    async with http.ClientSession(connector=http.TCPConnector(limit=1), timeout=timeout) as own:  # noqa: SIM117
        async with own.get(at.url("/slow/body")):
            await own.get(at.url("/raw/plain"))


@case
async def limit_itself(http, session, at):
    results = [http.ClientTimeout(), http.ClientTimeout(total=1) == http.ClientTimeout(1), http.ClientWSTimeout()]
    try:
        http.ClientSession(timeout=5)
    except ValueError as error:
        results.append(failed(error))
    return results, session.timeout


@case
async def session_closed(http, session, at):
    own = http.ClientSession()
    before = own.closed
    await own.close()
    try:
        await own.get(at.url("/raw/plain"))
    except RuntimeError as error:
        return before, own.closed, own.connector, failed(error)


@case
async def session_entered_wrongly(http, session, at):
    own = http.ClientSession()
    try:
        with own:
            pass
    finally:
        await own.close()


@case
async def session_of_another_loop(http, session, at):
    class Other:
        pass

    http.ClientSession(connector=session.connector, loop=Other())


@case
async def session_forgotten(http, session, at):
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["message"]))
    own = http.ClientSession()
    async with own.get(at.url("/raw/plain")) as response:
        await response.read()
    del own, response
    gc.collect()
    await asyncio.sleep(0)
    return sorted(told)


@case
async def session_shares_a_connector(http, session, at):
    async with http.ClientSession(connector=session.connector, connector_owner=False) as own:  # noqa: SIM117
        async with own.get(at.url("/raw/plain")) as response:
            await response.read()
    async with session.get(at.url("/raw/plain")) as response:
        return await response.text(), session.connector.closed, at.server.connections


@case
async def session_detached(http, session, at):
    own = http.ClientSession()
    connector = own.connector
    own.detach()
    results = own.closed, connector.closed
    await connector.close()
    return results, connector.closed


@case
async def session_settings(http, session, at):
    return (
        sorted(session.headers.items()), sorted(session.skip_auto_headers), session.auth, session.version,
        session.raise_for_status, session.auto_decompress, session.trust_env, session.trace_configs,
        session.requote_redirect_url, session.connector_owner, session.connector.limit,
        session.connector.limit_per_host, session.connector.force_close, session.connector.closed,
    )  # fmt: skip


@case
async def session_headers_change(http, session, at):
    async with session.get(at.url("/echo")) as response:
        await response.read()
    session.headers["X-A"] = "1"
    async with session.get(at.url("/echo")) as response:
        return (await response.json())["headers"]


@case
async def base_url(http, session, at):
    results = []
    async with http.ClientSession(base_url=at.url("/echo/a/")) as own:
        for url in ("b", "/echo", "../b", "?x=1", "", at.url("/echo/z")):
            async with own.get(url) as response:
                results.append(str(response.url))
    for wrong in ("/relative/", "http://127.0.0.1/path"):
        try:
            http.ClientSession(base_url=wrong)
        except Exception as error:
            results.append(failed(error)[1:])
    return results


@case
async def one_request(http, session, at):
    async with http.request("POST", at.url("/echo"), json={"a": 1}, headers={"X-A": "1"}) as response:
        return await told(response)


@case
async def one_request_fails(http, session, at):
    async with http.request("GET", "http://127.0.0.1:1/"):
        pass


@case
async def unknown_option(http, session, at):
    await session.get(at.url("/echo"), colour="blue")


@case
async def subclass(http, session, at):
    class Own(http.ClientSession):
        pass

    async with Own() as own, own.get(at.url("/raw/plain")) as response:
        return await response.text()


@case
async def own_response_class(http, session, at):
    class Own(http.ClientResponse):
        async def words(self):
            return (await self.text()).split()

    async with http.ClientSession(response_class=Own) as own, own.get(at.url("/raw/gzip")) as response:
        return isinstance(response, Own), len(await response.words())


@case
async def middlewares(http, session, at):
    seen = []

    def named(name):
        async def middleware(request, handler):
            request.headers[f"X-{name}"] = "1"
            response = await handler(request)
            seen.append((name, request.method, str(request.url), response.status))
            return response

        return middleware

    async def twice(request, handler):
        response = await handler(request)
        await response.read()
        return await handler(request)

    async with http.ClientSession(middlewares=[named("A"), named("B")]) as own:
        async with own.get(at.url("/echo")) as response:
            first = await told(response)
        async with own.get(at.url("/echo"), middlewares=[twice]) as response:
            second = await told(response)
        async with own.get(at.url("/to/302"), middlewares=()) as response:
            third = await told(response)
    return first, second, third, seen, len(at.asked)


@case
async def middleware_changes_the_body(http, session, at):
    async def middleware(request, handler):
        before = request.body.size
        await request.update_body(b"another one")
        request.headers["X-Size"] = str(before)
        return await handler(request)

    async with session.post(at.url("/echo"), data=b"one", middlewares=[middleware]) as response:
        return await told(response)


@case
async def traces(http, session, at):
    told_of = []
    config = http.TraceConfig()

    def hear(name):
        async def heard(session, context, params):
            fields = ("method", "url", "chunk", "host", "exception")
            known = {field: repr(getattr(params, field)) for field in fields if hasattr(params, field)}
            told_of.append((name, context.trace_request_ctx, known))

        return heard

    for name in (
        "request_start", "request_chunk_sent", "response_chunk_received", "request_end", "request_exception",
        "request_redirect", "connection_queued_start", "connection_queued_end", "connection_create_start",
        "connection_create_end", "connection_reuseconn", "request_headers_sent",
    ):  # fmt: skip
        getattr(config, f"on_{name}").append(hear(name))
    connector = http.TCPConnector(limit=1)
    async with http.ClientSession(trace_configs=[config], connector=connector) as own:
        async with own.post(at.url("/to/303"), data=b"abc", trace_request_ctx={"a": 1}) as response:
            await response.read()
        first = asyncio.create_task(read(own, at.url("/held/")))
        while at.asked[-1].target != "/held/":
            await asyncio.sleep(0.001)
        second = asyncio.create_task(read(own, at.url("/raw/plain")))
        while told_of[-1][0] != "connection_queued_start":
            await asyncio.sleep(0.001)
        at.server.held.set()
        await asyncio.gather(first, second)
        with contextlib.suppress(http.ClientError):
            await own.get(at.url("/raw/nothing"))
    try:
        config.on_request_end.append(hear("late"))
    except RuntimeError as error:
        told_of.append(failed(error))
    return told_of


async def read(session, url):
    async with session.get(url) as response:
        return await response.read()


@case
async def trace_that_fails_at_the_start(http, session, at):
    told_of = []

    async def fails(*_):
        raise RuntimeError("of the trace's own")

    configs = [http.TraceConfig(), http.TraceConfig()]
    for number, config in enumerate(configs):

        async def heard(session, context, params, number=number):
            told_of.append((number, str(params.exception)))

        config.on_request_exception.append(heard)
    configs[1].on_request_start.append(fails)
    async with http.ClientSession(trace_configs=configs) as own:
        try:
            await own.get(at.url("/echo"))
        except RuntimeError as error:
            return told_of, failed(error)


@case
async def body_that_takes_longer_than_a_server_may_be_silent(http, session, at):
    async def slow():
        yield b"one"
        await asyncio.sleep(0.4)
        yield b"two"

    async with session.post(at.url("/echo"), data=slow(), timeout=http.ClientTimeout(sock_read=0.2)) as response:
        return (await response.json())["body"]


@case
async def body_that_is_cancelled(http, session, at):
    stopped = asyncio.Event()

    async def endless():
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            stopped.set()

    tracker = http.UploadTracker()
    task = asyncio.create_task(read_posted(session, at.url("/echo"), data=endless(), upload_tracker=tracker))
    await asyncio.sleep(0.05)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await stopped.wait()
    await asyncio.wait([tracker.upload_complete])
    return task.cancelled(), failed(tracker.upload_complete.exception()), tracker.attempts


async def read_posted(session, url, **options):
    async with session.post(url, **options) as response:
        return await response.read()


@case
async def multipart_read(http, session, at):
    body = (
        b"preamble\r\n--xx\r\nContent-Type: text/plain; charset=latin-1\r\n\r\ngr\xfcn\r\n"
        b'--xx\r\nContent-Disposition: form-data; name="a"; filename="b.txt"\r\nContent-Length: 4\r\n\r\nfour\r\n'
        b"--xx\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: base64\r\n\r\neyJhIjogMX0=\r\n"
        b"--xx\r\nContent-Type: multipart/mixed; boundary=yy\r\n\r\n--yy\r\n\r\ninner\r\n--yy--\r\n"
        b"\r\n--xx\r\n\r\na=1&b=2\r\n--xx--\r\nepilogue"
    )
    async with Raw(answer(body, "Content-Type: multipart/mixed; boundary=xx")) as url, session.get(url) as response:
        reader = http.MultipartReader.from_response(response)
        results = []
        results.append(await (await reader.next()).text())
        part = await reader.next()
        results += [part.name, part.filename, bytes(await part.read()), part.at_eof(), sorted(part.headers.items())]
        results.append(await (await reader.next()).json())
        inner = await reader.next()
        results.append([bytes(await each.read()) async for each in inner])
        results.append(await (await reader.next()).form())
        results.append(await reader.next())
        return results


@case
async def multipart_read_in_pieces(http, session, at):
    encoded = base64.encodebytes(bytes(range(256)) * 400)
    body = b"".join(
        (
            b"--xx\r\nContent-Transfer-Encoding: base64\r\n\r\n", encoded,
            b"\r\n--xx\r\n\r\none\ntwo\r\nthree",
            b"\r\n--xx\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(b"packed", mtime=0), b"\r\n--xx--\r\n",
        )
    )  # fmt: skip
    async with Raw(answer(body, "Content-Type: multipart/mixed; boundary=xx")) as url, session.get(url) as response:
        reader = http.MultipartReader.from_response(response)
        part = await reader.next()
        whole = b""
        while piece := await part.read_chunk(1000):
            whole += part.decode(piece)
        results = [whole == bytes(range(256)) * 400]
        part = await reader.next()
        results += [await part.readline() for _ in range(4)]
        part = await reader.next()
        results.append(bytes(await part.read(decode=True)))
        results.append(await reader.next())
        return results


@case
async def multipart_read_wrong(http, session, at):
    results = []
    for body, kind in (
        (b"nothing of it", "multipart/mixed; boundary=xx"),
        (b"", "multipart/mixed"),
        (b"--xx\r\n\r\nno end", "multipart/mixed; boundary=xx"),
        (b"", "multipart/mixed; boundary=" + "x" * 80),
    ):
        async with Raw(answer(body, f"Content-Type: {kind}")) as url, session.get(url) as response:
            try:
                reader = http.MultipartReader.from_response(response)
                part = await reader.next()
                await part.read()
            except Exception as error:
                results.append(failed(error)[1][0])
    return results


class Raw:
    """A server that answers one thing, whatever is asked."""

    def __init__(self, data):
        self.data = data

    async def __aenter__(self):
        async def serve(reader, writer):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self.data)
                await writer.drain()
            writer.close()

        self.server = await asyncio.start_server(serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/"

    async def __aexit__(self, *_):
        self.server.close()


@case
async def through_a_proxy(http, session, at):
    results = []
    proxy = at.url("/")
    auth = {"Proxy-Authorization": http.encode_basic_auth("u", "p")}
    for options in ({}, {"proxy_headers": auth}, {"proxy_auth": http.BasicAuth("u", "p")}):
        async with session.get("http://somewhere.example/echo?x=1#y", proxy=proxy, **options) as response:
            await response.read()
        asked = at.asked[-1]
        results.append((asked.method, asked.target, asked.header("host"), asked.header("proxy-authorization")))
    return results


@case
async def proxy_with_user(http, session, at):
    proxy = at.url("/").replace("http://", "http://u:p@")
    async with session.get("http://somewhere.example/", proxy=proxy) as response:
        return response.status, at.asked[-1].header("proxy-authorization")


@case
async def proxy_refuses_to_connect(http, session, at):
    await session.get("https://somewhere.example/", proxy=at.url("/"))


@case
async def proxy_is_not_there(http, session, at):
    await session.get("http://somewhere.example/", proxy="http://127.0.0.1:1")


@case
async def proxy_is_no_url(http, session, at):
    await session.get("http://somewhere.example/", proxy="http://[")


@case
async def over_a_unix_socket(http, session, at):
    import os
    import tempfile

    path = os.path.join(tempfile.mkdtemp(), "s")
    results = []
    async with Server(path=path), http.ClientSession(connector=http.UnixConnector(path)) as own:  # noqa: SIM117
        async with own.get("http://localhost/echo") as response:
            results.append(await told(response))
    os.unlink(path) if os.path.exists(path) else None
    async with http.ClientSession(connector=http.UnixConnector("/no/such/path")) as own:
        try:
            await own.get("http://localhost/")
        except Exception as error:
            results.append(failed(error))
    os.rmdir(os.path.dirname(path))
    return results


@case
async def tls(http, session, at):
    import ssl

    import trustme

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    import hashlib

    right = http.Fingerprint(hashlib.sha256(der).digest())
    results = []
    async with Server(tls=context) as server:
        url = f"https://127.0.0.1:{server.port}/raw/plain"
        for setting in (trusting, False, right, http.Fingerprint(b"x" * 32), True):
            try:
                async with session.get(url, ssl=setting) as response:
                    results.append(await response.text())
            except Exception as error:
                text = str(error).replace(str(server.port), "PORT")
                shown = text if not isinstance(error, http.ServerFingerprintMismatch) else "mismatch"
                results.append((failed(error)[1], shown))
    for arguments in (b"x" * 16, b"x" * 5):
        try:
            http.Fingerprint(arguments)
        except ValueError as error:
            results.append(failed(error))
    try:
        await session.get("https://127.0.0.1:1/", ssl=5)
    except TypeError as error:
        results.append(failed(error))
    return results


@case
async def tls_to_a_plain_server(http, session, at):
    try:
        await session.get(at.url("/raw/plain").replace("http:", "https:"))
    except http.ClientError as error:
        return failed(error)[1]


@case
async def jar(http, session, at):
    from yarl import URL

    jar = http.CookieJar()
    jar.update_cookies({"shared": "0"})
    jar.update_cookies_from_headers(
        ["a=1; Domain=example.com; Path=/x", "b=2", "c=3; Secure", "d=4; Domain=.example.com", "e=5; Domain=other.org"],
        URL("http://www.example.com/x/y"),
    )
    asked = {}
    for url in (
        "http://www.example.com/x/y", "http://example.com/x", "http://example.com/", "https://www.example.com/x/z",
        "http://sub.www.example.com/x/", "http://badexample.com/", "http://1.2.3.4/", "http://www.example.com/xy",
    ):  # fmt: skip
        asked[url] = sorted((name, cookie.value) for name, cookie in jar.filter_cookies(URL(url)).items())
    before = len(jar), sorted(cookie.key for cookie in jar), sorted(map(sorted, map(str, jar.host_only_cookies)))
    jar.clear_domain("example.com")
    left = sorted(cookie.key for cookie in jar)
    jar.clear()
    return asked, before[:2], left, len(jar)


@case
async def jar_is_kept(http, session, at):
    import os
    import tempfile

    from yarl import URL

    jar = http.CookieJar()
    jar.update_cookies_from_headers(["a=1; Path=/x; Max-Age=1000", 'b="2 3"'], URL("http://example.com/x/y"))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "jar")
        jar.save(path)
        other = http.CookieJar()
        other.load(path)
        mode = oct(os.stat(path).st_mode)
    urls = [URL("http://example.com/x"), URL("http://www.example.com/x")]
    return mode, [sorted(map(str, other.filter_cookies(url).items())) for url in urls]


@case
async def jar_is_bounded(http, session, at):
    from yarl import URL

    jar = http.CookieJar()
    jar.update_cookies_from_headers([f"c{number}=x" for number in range(200)], URL("http://a.example/"))
    counts = [len(jar)]
    for number in range(400):
        jar.update_cookies({f"d{number}": "y"}, URL("http://b.example/"))
    counts.append(len(jar))
    counts.append(len(jar.filter_cookies(URL("http://b.example/"))))
    return counts


@case
async def tracker(http, session, at):
    tracker = http.UploadTracker()
    async with session.post(at.url("/echo"), data=b"x" * 1000, upload_tracker=tracker) as response:
        await response.read()
    await tracker.upload_complete
    results = [tracker.attempts, tracker.bytes_written]
    try:
        await session.post(at.url("/echo"), upload_tracker=tracker)
    except RuntimeError as error:
        results.append(failed(error))
    other = http.UploadTracker()
    with contextlib.suppress(http.ClientError):
        await session.post("http://127.0.0.1:1/", data=b"x", upload_tracker=other)
    results.append(failed(other.upload_complete.exception()))
    return results


@case
async def names(http, session, at):
    public = set(sys.modules["aiohttp"].__all__) - {"GunicornWebWorker", "GunicornUVLoopWebWorker"}
    return sorted(name for name in public if not hasattr(http, name)), None
