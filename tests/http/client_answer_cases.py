"""Cases for the comparison of clients: answers, right ones and broken ones, and what is read of them."""

from client_oracle import asks, case, failed
from client_server import RAW

# What is not the same in all details, and is compared by class and status below.
BY_CLASS = {
    "garbage", "not-http", "bad-status", "bad-version", "bad-header", "bad-length", "negative-length", "two-lengths",
    "bad-chunk", "cut-head", "long-header", "many-headers", "reset", "reset-head", "too-much",
}  # fmt: skip
for name in sorted(RAW.keys() - BY_CLASS):
    asks(f"raw_{name}", "GET", f"/raw/{name}")
for name in ("plain", "gzip", "chunks", "cut", "no-content"):
    asks(f"head_of_{name}", "HEAD", f"/raw/{name}")
for name in ("gzip", "deflate", "gzip-bad"):
    asks(f"packed_{name}", "GET", f"/raw/{name}", auto_decompress=False)
    asks(f"packed_by_session_{name}", "GET", f"/raw/{name}", session={"auto_decompress": False})

for name in sorted(BY_CLASS):

    async def broken(http, session, at, name=name):
        try:
            async with session.get(at.url(f"/raw/{name}")) as response:
                return response.status, await response.read()
        except http.ClientError as error:
            return type(error).__name__, getattr(error, "status", None)

    broken.__name__ = f"broken_{name}"
    case(broken)

READS = {
    "text": lambda response: response.text(),
    "text_latin": lambda response: response.text("latin-1"),
    "text_ignoring": lambda response: response.text("ascii", errors="ignore"),
    "text_unknown": lambda response: response.text("nonsense"),
    "json": lambda response: response.json(),
    "json_any": lambda response: response.json(content_type=None),
    "json_text": lambda response: response.json(content_type="text/html"),
    "json_loads": lambda response: response.json(loads=lambda text: text.upper(), content_type=None),
    "json_encoding": lambda response: response.json(encoding="latin-1", content_type=None),
    "encoding": lambda response: encoding_of(response),
}


async def encoding_of(response):
    try:
        early = response.get_encoding()
    except RuntimeError as error:
        early = failed(error)
    await response.read()
    return early, response.get_encoding()


for answer_name in (
    "utf8", "latin", "no-charset", "bad-charset", "quoted-charset", "not-utf8", "json", "json-api", "json-text",
    "json-bad", "json-empty", "json-latin", "no-type", "empty", "gzip",
):  # fmt: skip
    for read_name in READS:
        if answer_name in ("gzip", "quoted-charset") and read_name != "text":
            continue

        async def reads(http, session, at, answer_name=answer_name, read_name=read_name):
            async with session.get(at.url(f"/raw/{answer_name}")) as response:
                return await READS[read_name](response)

        reads.__name__ = f"read_{read_name}_of_{answer_name}"
        case(reads)


async def gathered(iterator):
    return [piece async for piece in iterator]


STREAMS = {
    "lines": ("lines", lambda content: gathered(content)),
    "readline": ("lines", lambda content: content.readline()),
    "read_some": ("lines", lambda content: content.read(5)),
    "read_nothing": ("lines", lambda content: content.read(0)),
    "read_all": ("lines", lambda content: content.read()),
    "read_exactly": ("lines", lambda content: content.readexactly(6)),
    "read_exactly_too_much": ("lines", lambda content: content.readexactly(600)),
    "read_until": ("lines", lambda content: content.readuntil(b"\r\n")),
    "read_until_nothing": ("lines", lambda content: content.readuntil(b"")),
    "read_until_never": ("lines", lambda content: content.readuntil(b"zzz")),
    "chunked": ("lines", lambda content: gathered(content.iter_chunked(4))),
    "any_joined": ("lines", lambda content: joined(content.iter_any())),
    "chunks": ("chunks", lambda content: chunks(content)),
    "chunks_of_none": ("lines", lambda content: chunks(content)),
    "unpacked_sizes": ("gzip", lambda content: sizes(content)),
    "unpacked_lines": ("gzip", lambda content: content.readuntil(b".")),
    "of_nothing": ("empty", lambda content: gathered(content.iter_any())),
    "of_no_content": ("no-content", lambda content: content.read()),
    "at_end": ("plain", lambda content: ends(content)),
    "line_too_long": ("lines", lambda content: content.readline(max_line_length=2)),
    "cut": ("cut", lambda content: gathered(content.iter_any())),
    "unread": ("plain", lambda content: unread(content)),
    "totals": ("gzip", lambda content: totals(content)),
    "without_waiting": ("plain", lambda content: without_waiting(content)),
}


async def joined(iterator):
    return b"".join(await gathered(iterator))


async def chunks(content):
    """Each put together: the pieces that one comes in are the network's doing."""
    found, begun = [], b""
    async for piece, is_end in content.iter_chunks():
        begun += piece
        if is_end:
            found.append(begun)
            begun = b""
    return found, begun


async def sizes(content):
    pieces = await gathered(content.iter_chunked(100))
    return [len(piece) for piece in pieces][:-1], sum(map(len, pieces))


async def ends(content):
    before = content.at_eof()
    await content.read()
    return (
        before,
        content.at_eof(),
        content.is_eof(),
        await content.read(),
        await content.readany(),
        content.read_nowait(),
    )


async def unread(content):
    read = await content.read(3)
    content.unread_data(read)
    return await content.read()


async def totals(content):
    await content.read()
    return content.total_bytes, content.total_compressed_bytes, content.total_raw_bytes


async def without_waiting(content):
    first = await content.read(2)
    return first, content.read_nowait(1), content.read_nowait()


for stream_name, (answer_name, read) in STREAMS.items():

    async def stream(http, session, at, answer_name=answer_name, read=read):
        async with session.get(at.url(f"/raw/{answer_name}")) as response:
            return await read(response.content)

    stream.__name__ = f"stream_{stream_name}"
    case(stream)


@case
async def stream_drips(http, session, at):
    async with session.get(at.url("/drip/")) as response:
        return await joined(response.content.iter_any()), response.content.at_eof()


@case
async def stream_of_a_megabyte(http, session, at):
    async with session.get(at.url("/large/1000000")) as response:
        return sum([len(piece) async for piece in response.content.iter_chunked(10_000)])


@case
async def read_twice(http, session, at):
    async with session.get(at.url("/raw/plain")) as response:
        return await response.read(), await response.read(), await response.text()


@case
async def read_part_and_all(http, session, at):
    async with session.get(at.url("/raw/plain")) as response:
        return await response.content.read(2), await response.read()


@case
async def text_after_the_block(http, session, at):
    async with session.get(at.url("/raw/plain")) as response:
        await response.read()
    return await response.text(), response.closed


@case
async def read_after_release(http, session, at):
    response = await session.get(at.url("/large/3000000"))
    await response.release()
    results = [response.closed]
    try:
        await response.read()
    except Exception as error:
        results.append(failed(error))
    return results


@case
async def read_after_close(http, session, at):
    response = await session.get(at.url("/large/3000000"))
    response.close()
    try:
        await response.read()
    except Exception as error:
        return response.closed, failed(error)


@case
async def awaited_without_block(http, session, at):
    response = await session.get(at.url("/raw/plain"))
    try:
        return await response.text(), response.closed, response.connection
    finally:
        response.release()


@case
async def parts_of_an_answer(http, session, at):
    results = []
    for name in ("links", "link-odd", "disposition", "disposition-utf8", "disposition-bad"):
        async with session.get(at.url(f"/raw/{name}")) as response:
            links = {key: sorted((k, str(v)) for k, v in link.items()) for key, link in response.links.items()}
            results.append((links, response.content_disposition))
    return results


@case
async def texts(http, session, at):
    async with session.get(at.url("/raw/plain")) as response:
        results = [repr(response), repr(response.content), response.ok]
    async with session.get(at.url("/raw/no-reason")) as response:
        results.append(repr(response))
    return results
