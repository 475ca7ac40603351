"""HttpxTransport against httpx's own, the oracle: the same requests, answers and exceptions, for httpx and httpx2.

The oracle runs on stock asyncio, ours on ferrio. After it: what the SDKs of large models do with a client on it, with
a local server that speaks their API.
"""

import asyncio
import json
import ssl

import ferrio
import pytest
from client_oracle import clean
from client_server import Server
from ferrio.http import HttpxTransport

libraries = [pytest.param(name, id=name) for name in ("httpx", "httpx2")]


@pytest.fixture(params=libraries)
def httpx(request):
    return pytest.importorskip(request.param, reason=f"{request.param} is not installed")


async def pieces():
    yield b"one"
    yield b"two"


async def broken():
    yield b"one"
    raise ValueError("of the body's own")


READ = (20, 0.1, 20, 20)  # seconds to connect, to read, to write, to get a connection
CASES = {
    "get": lambda client, url: client.get(url("/echo?a=1")),
    "head": lambda client, url: client.head(url("/raw/plain")),
    "post": lambda client, url: client.post(url("/echo"), content=b"abc"),
    "post_nothing": lambda client, url: client.post(url("/echo")),
    "post_json": lambda client, url: client.post(url("/echo"), json={"a": 1}),
    "post_form": lambda client, url: client.post(url("/echo"), data={"a": "1"}),
    "post_pieces": lambda client, url: client.post(url("/echo"), content=pieces()),
    "post_broken": lambda client, url: client.post(url("/echo"), content=broken()),
    "post_unread": lambda client, url: client.post(url("/unread"), content=b"abc"),
    "delete": lambda client, url: client.delete(url("/echo")),
    "purge": lambda client, url: client.request("PURGE", url("/echo")),
    "length_too_short": lambda client, url: client.post(
        url("/echo"), content=pieces(), headers={"Content-Length": "3"}
    ),
    "fields": lambda client, url: client.get(url("/echo"), headers=[("X-A", "1"), ("X-A", "2")]),
    "redirect": lambda client, url: client.get(url("/to/302"), follow_redirects=True),
    "redirect_of_body": lambda client, url: client.post(url("/to/307"), content=b"abc", follow_redirects=True),
    "cookies": lambda client, url: client.get(url("/cookies?cookie=a=1")),
    "basic": lambda client, url: client.get(url("/basic"), auth=("user", "pass")),
    "gzip": lambda client, url: client.get(url("/raw/gzip")),
    "deflate": lambda client, url: client.get(url("/raw/deflate")),
    "gzip_bad": lambda client, url: client.get(url("/raw/gzip-bad")),
    "chunks": lambda client, url: client.get(url("/raw/chunks")),
    "no_content": lambda client, url: client.get(url("/raw/no-content")),
    "early_hints": lambda client, url: client.get(url("/raw/early-hints")),
    "http10": lambda client, url: client.get(url("/raw/http10")),
    "until_end": lambda client, url: client.get(url("/raw/until-end")),
    "repeated": lambda client, url: client.get(url("/raw/repeated")),
    "odd_reason": lambda client, url: client.get(url("/raw/odd-reason")),
    "not_found": lambda client, url: client.get(url("/raw/not-found")),
    "nothing": lambda client, url: client.get(url("/raw/nothing")),
    "cut": lambda client, url: client.get(url("/raw/cut")),
    "cut_chunk": lambda client, url: client.get(url("/raw/cut-chunk")),
    "drip": lambda client, url: client.get(url("/drip/")),
    "large": lambda client, url: client.get(url("/large/300000")),
    "refused": lambda client, url: client.get("http://127.0.0.1:1/"),
    "no_scheme": lambda client, url: client.get("/path"),
    "other_scheme": lambda client, url: client.get("ftp://127.0.0.1/"),
    "no_host": lambda client, url: client.get("http:///"),
    "time_of_head": lambda client, url: client.get(url("/slow/head"), timeout=READ),
    "time_of_body": lambda client, url: client.get(url("/slow/body"), timeout=READ),
    "flaky": lambda client, url: client.get(url("/once/")),
}
# Compared by their class: parsers differ in what they say.
BROKEN = ("garbage", "not-http", "bad-status", "bad-header", "bad-length", "bad-chunk", "reset", "reset-head")


async def ask(httpx, transport, case):
    async with Server() as server, httpx.AsyncClient(transport=transport, trust_env=False) as client:
        results = []
        for _ in range(2):
            try:
                async with asyncio.timeout(20):
                    response = await case(client, lambda path: f"http://{server.place}{path}")
            except Exception as error:
                results.append((type(error).__name__, str(error)))
            else:
                shown = {name: response.extensions[name] for name in ("http_version", "reason_phrase")}
                headers = [pair for pair in response.headers.raw if pair[0] != b"Content-Length"]
                asked = [fields(one) for one in server.asked]
                history = [each.status_code for each in response.history]
                results.append((response.status_code, headers, response.content, shown, asked, history))
        # A connection whose answer was whole is kept here, also where httpx could not unpack it.
        connections = None if case is CASES["gzip_bad"] else server.connections
        return clean(repr((results, connections)), {server.port: "PORT"})


def fields(asked):
    """What was asked, but for what is each client's own: letters of a length's name, and whether it says nothing."""
    named = sorted((name.lower(), value) for name, value in asked.headers)
    return [pair for pair in named if pair != ("content-length", "0")]


@pytest.mark.parametrize("name", CASES)
def test_as_httpx(httpx, name):
    theirs = asyncio.run(ask(httpx, httpx.AsyncHTTPTransport(), CASES[name]))
    ours = ferrio.run(ask(httpx, HttpxTransport(), CASES[name]))
    assert ours == theirs


@pytest.mark.parametrize("name", BROKEN)
def test_broken_answers_raise_alike(httpx, name):
    def kind(text):
        return [entry[0] for entry in eval(text)[0]]

    case = lambda client, url: client.get(url(f"/raw/{name}"))  # noqa: E731
    ours = kind(ferrio.run(ask(httpx, HttpxTransport(), case)))
    assert ours == kind(asyncio.run(ask(httpx, httpx.AsyncHTTPTransport(), case)))


def test_streams(httpx):
    async def main():
        async with Server() as server, httpx.AsyncClient(transport=HttpxTransport()) as client:
            url = f"http://{server.place}/large/1000000"
            async with client.stream("GET", url) as response:
                sizes = [len(piece) async for piece in response.aiter_bytes(50_000)]
            async with client.stream("GET", url) as response:
                assert not response.is_closed
            async with client.stream("GET", f"http://{server.place}/raw/lines") as response:
                lines = [line async for line in response.aiter_lines()]
            return sum(sizes), lines, response.extensions["network_stream"].get_extra_info("server_addr")

    size, lines, _ = ferrio.run(main())
    assert size == 1_000_000
    assert lines == ["one", "two", "three", "", "five"]


def test_connections_are_kept_and_limited(httpx):
    async def main():
        limits = httpx.Limits(max_connections=3)
        async with Server() as server, httpx.AsyncClient(transport=HttpxTransport(limits=limits)) as client:
            url = f"http://{server.place}/drip/"
            await asyncio.gather(*(client.get(url) for _ in range(12)))
            return server.connections

    assert ferrio.run(main()) == 3


def test_the_pools_time(httpx):
    async def main():
        limits = httpx.Limits(max_connections=1)
        async with Server() as server, httpx.AsyncClient(transport=HttpxTransport(limits=limits)) as client:  # noqa: SIM117
            async with client.stream("GET", f"http://{server.place}/slow/body"):
                with pytest.raises(httpx.PoolTimeout):
                    await client.get(f"http://{server.place}/raw/plain", timeout=httpx.Timeout(5, pool=0.05))

    ferrio.run(main())


def test_a_connection_that_ended_is_not_used(httpx):
    async def main():
        async with Server() as server, httpx.AsyncClient(transport=HttpxTransport()) as client:
            for _ in range(3):
                assert (await client.get(f"http://{server.place}/once/")).text == "once"
                await asyncio.sleep(0.02)
            return server.connections

    assert ferrio.run(main()) == 3


def test_cancelled_requests_leave_no_answer_to_others(httpx):
    async def main():
        async with Server() as server, httpx.AsyncClient(transport=HttpxTransport()) as client:
            for delay in (0, 0.001, 0.003, 0.01):
                task = asyncio.create_task(client.get(f"http://{server.place}/drip/"))
                await asyncio.sleep(delay)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert (await client.get(f"http://{server.place}/raw/plain")).text == "plain"

    ferrio.run(main())


def test_tls(httpx):
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def main():
        async with Server(tls=serving) as server:
            url = f"https://127.0.0.1:{server.port}/raw/plain"
            for verify in (trusting, False):
                async with httpx.AsyncClient(transport=HttpxTransport(verify=verify)) as client:
                    assert (await client.get(url)).text == "plain"
            async with httpx.AsyncClient(transport=HttpxTransport()) as client:
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get(url)

    ferrio.run(main())


def test_a_unix_socket(httpx, tmp_path):
    async def main():
        path = str(tmp_path / "socket")
        async with Server(path=path), httpx.AsyncClient(transport=HttpxTransport(uds=path)) as client:
            assert (await client.get("http://localhost/raw/plain")).text == "plain"

    ferrio.run(main())


def test_a_proxy(httpx):
    async def main():
        async with Server() as server:
            proxy = httpx.Proxy(f"http://user:pass@{server.place}")
            async with httpx.AsyncClient(transport=HttpxTransport(proxy=proxy)) as client:
                await client.get("http://somewhere.example/echo?x=1")
                with pytest.raises(httpx.ProxyError, match="404"):
                    await client.get("https://somewhere.example/")
            return [(one.method, one.target, one.header("proxy-authorization")) for one in server.asked]

    user = "Basic dXNlcjpwYXNz"
    assert ferrio.run(main()) == [
        ("GET", "http://somewhere.example/echo?x=1", user),
        ("CONNECT", "somewhere.example:443", user),
    ]


def test_what_is_traced(httpx):
    async def main():
        told = []

        async def trace(name, info):
            told.append(name)

        async with Server() as server, httpx.AsyncClient(transport=HttpxTransport()) as client:
            await client.get(f"http://{server.place}/raw/plain", extensions={"trace": trace})
        return told

    told = ferrio.run(main())
    assert told[0] == "connection.connect_tcp.started"
    assert "http11.receive_response_headers.complete" in told


def test_http2_is_refused():
    with pytest.raises(ValueError, match=r"HTTP/1\.1"):
        HttpxTransport(http2=True)


def test_it_is_a_transport(httpx):
    assert callable(HttpxTransport.handle_async_request)
    client = httpx.AsyncClient(transport=HttpxTransport())
    assert isinstance(client._transport, HttpxTransport)


CHAT = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello!"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
MESSAGE = {
    "id": "1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def piece(text):
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {**CHAT, "object": "chat.completion.chunk", "choices": [delta]}


def events_of_message(words):
    yield "message_start", {"type": "message_start", "message": {**MESSAGE, "content": []}}
    empty = {"type": "text", "text": ""}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": empty}
    for word in words:
        delta = {"type": "text_delta", "text": word}
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}}
    yield "message_stop", {"type": "message_stop"}


class Model(Server):
    """Speaks the API of both SDKs."""

    async def _on_v1(self, asked, rest, query, writer):
        body = json.loads(asked.body)
        if body["model"] == "limited" and len(self.asked) == 1:
            return self._json({"error": {"message": "slow down"}}, "429 Too Many Requests", "retry-after-ms: 1")
        if not body.get("stream"):
            return self._json(CHAT if rest == "chat/completions" else MESSAGE)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in self._events(rest):
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")
        return True

    def _events(self, rest):
        if rest == "chat/completions":
            for word in ("Hel", "lo", "!"):
                yield f"data: {json.dumps(piece(word))}\n\n".encode()
            yield b"data: [DONE]\n\n"
        else:
            for name, data in events_of_message(("Hel", "lo", "!")):
                yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()

    def _json(self, value, status="200 OK", *headers):
        from client_server import answer

        return answer(json.dumps(value).encode(), "Content-Type: application/json", *headers, status=status)


def test_openai():
    openai = pytest.importorskip("openai", reason="openai is not installed: make ecosystem")
    import httpx

    async def main():
        async with Model() as server:
            own = httpx.AsyncClient(transport=HttpxTransport())
            client = openai.AsyncOpenAI(api_key="k", base_url=f"http://{server.place}/v1", http_client=own)
            asked = {"messages": [{"role": "user", "content": "hi"}]}
            whole = await client.chat.completions.create(model="m", **asked)
            stream = await client.chat.completions.create(model="m", stream=True, **asked)
            words = [chunk.choices[0].delta.content async for chunk in stream]
            server.asked.clear()
            again = await client.chat.completions.create(model="limited", **asked)
            assert len(server.asked) == 2
            both = await asyncio.gather(*(client.chat.completions.create(model="m", **asked) for _ in range(20)))
            await client.close()
            return whole.choices[0].message.content, words, again.choices[0].message.content, len(both)

    assert ferrio.run(main()) == ("Hello!", ["Hel", "lo", "!"], "Hello!", 20)


def test_anthropic():
    anthropic = pytest.importorskip("anthropic", reason="anthropic is not installed: make ecosystem")
    httpx = pytest.importorskip("httpx2", reason="this SDK takes a client of httpx2")

    async def main():
        async with Model() as server:
            own = httpx.AsyncClient(transport=HttpxTransport())
            client = anthropic.AsyncAnthropic(api_key="k", base_url=f"http://{server.place}", http_client=own)
            asked = {"max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
            whole = await client.messages.create(model="m", **asked)
            async with client.messages.stream(model="m", **asked) as stream:
                words = [text async for text in stream.text_stream]
            await client.close()
            return whole.content[0].text, words

    assert ferrio.run(main()) == ("Hello!", ["Hel", "lo", "!"])
