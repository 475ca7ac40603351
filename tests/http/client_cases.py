"""Cases for the comparison of clients: methods, queries, header fields, bodies, redirects, cookies, users."""

import io
import json
import os
import pathlib
import tempfile

from client_oracle import asks, case, failed, told

for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "get", "PURGE"):
    asks(f"method_{method}", method, "/echo")
asks("method_with_space", "GE T", "/echo")
asks("method_empty", "", "/echo")


@case
async def shortcuts(http, session, at):
    results = []
    for name in ("get", "options", "head", "post", "put", "patch", "delete"):
        async with getattr(session, name)(at.url("/echo")) as response:
            results.append(await told(response))
    return results


@case
async def shortcuts_and_redirects(http, session, at):
    results = []
    for name in ("get", "options", "head", "post", "put", "patch", "delete"):
        async with getattr(session, name)(at.url("/to/302")) as response:
            results.append(await told(response))
    return results


QUERIES = {
    "dict": {"params": {"a": "1", "b": "two words"}},
    "pairs": {"params": [("a", "1"), ("a", "2")]},
    "lists": {"params": {"a": ["1", "2"]}},
    "text": {"params": "a=1&b=%20x"},
    "numbers": {"params": {"a": 1, "b": 2.5}},
    "unicode": {"params": {"ü": "ß€"}},
    "empty": {"params": {}},
    "none": {"params": None},
    "bool": {"params": {"a": True}},
    "null": {"params": {"a": None}},
    "reserved": {"params": {"a": "&=+%/?#"}},
    "object": {"params": {"a": object}},
    "values_empty": {"params": {"a": "", "": "b", "c": []}},
    "all_of_ascii": {"params": {"".join(map(chr, range(128))): "".join(map(chr, range(128)))}},
    "surrogate": {"params": {"a": "\ud800"}},
    "large": {"params": {"a": -(10**30)}},
    "infinite": {"params": {"a": float("inf")}},
    "floats": {"params": {"a": 1e300, "b": -0.0}},
    "lists_of_bool": {"params": {"a": ["1", False]}},
    "tuples": {"params": (("a", 1), ("b", "2"))},
    "pairs_of_lists": {"params": [("a", ["1", "2"])]},
    "pairs_of_none": {"params": [("a", None)]},
    "triple": {"params": [("a", "1", "2")]},
    "names_of_numbers": {"params": {1: "a"}},
    "bytes": {"params": {"a": b"b"}},
    "subclass": {"params": {"a": type("Text", (str,), {})("b c")}},
}
for name, options in QUERIES.items():
    asks(f"query_{name}", "GET", "/echo", **options)
asks("query_is_added", "GET", "/echo?x=0&a=0", params={"a": "1"})
asks("query_is_added_to_part", "GET", "/echo?x&", params={"a": "1"})
asks("query_and_fragment", "GET", "/echo?x#y", params={"a": "1"})
asks("query_and_redirect", "GET", "/to/302?x", params={"a": "1"})
asks("query_plus", "GET", "/echo?a=1+2&b=%2B")
asks("path_encoded", "GET", "/echo/a%20b%2Fc/ü")
asks("path_dots", "GET", "/echo/a/../b/./c")
asks("fragment", "GET", "/echo?x=1#part")
asks("semicolons", "GET", "/echo/;a=1,b?x;y")

for name, url in {
    "empty": "",
    "relative": "path",
    "no_host": "http://",
    "no_scheme": "//127.0.0.1/",
    "port_only": "http://:80/",
    "bad_port": "http://127.0.0.1:port/",
    "large_port": "http://127.0.0.1:99999/",
    "ftp": "ftp://127.0.0.1/",
    "file": "file:///etc/passwd",
    "mailto": "mailto:a@b",
    "space": "http://a b/",
    "bracket": "http://[::1/",
    "octal": "http://0177.0.0.1/",
    "short_address": "http://127.1/",
    "refused": "http://127.0.0.1:1/",
    "refused_tls": "https://127.0.0.1:1/",
    "refused_user": "http://user:secret@127.0.0.1:1/",
    "percent_host": "http://%00/",
    "dot": "http://./",
}.items():
    asks(f"url_{name}", "GET", url)


@case
async def url_of_other_types(http, session, at):
    results = []
    for url in (None, 1, b"http://127.0.0.1/", object):
        try:
            async with session.get(url):
                pass
        except Exception as error:
            results.append(failed(error)[:2])
    return results


FIELDS = {
    "own": {"headers": {"X-A": "1", "x-b": "two"}},
    "pairs": {"headers": [("X-A", "1"), ("X-A", "2")]},
    "replaced": {"headers": {"Accept": "text/html", "User-Agent": "me", "Accept-Encoding": "identity"}},
    "host": {"headers": {"Host": "example.com"}},
    "empty": {"headers": {"X-A": ""}},
    "line_break": {"headers": {"X-A": "1\r\nX-B: 2"}},
    "line_feed": {"headers": {"X-A": "1\nX-B: 2"}},
    "line_break_in_name": {"headers": {"X\r\nA": "1"}},
    "null": {"headers": {"X-A": "a\0b"}},
    "unicode": {"headers": {"X-A": "grün"}},
    "number": {"headers": {"X-A": 1}},
    "none": {"headers": {"X-A": None}},
    "skipped": {"skip_auto_headers": ["accept", "User-Agent", "Accept-Encoding"]},
    "connection": {"headers": {"Connection": "close"}},
    "cookie": {"headers": {"Cookie": "a=1; b=2"}},
    "length": {"headers": {"Content-Length": "3"}, "data": b"abc"},
    "length_too_short": {"headers": {"Content-Length": "2"}, "data": b"abc"},
    "length_no_number": {"headers": {"Content-Length": "x"}, "data": b"abc"},
    "chunked_by_hand": {"headers": {"Transfer-Encoding": "chunked"}, "data": b"abc"},
    "type": {"headers": {"Content-Type": "text/x"}, "data": b"abc"},
    "type_skipped": {"skip_auto_headers": ["Content-Type"], "data": b"abc"},
    "expectation": {"headers": {"Expect": "100-continue"}, "data": b"abc"},
}
for name, options in FIELDS.items():
    asks(f"fields_{name}", "POST" if "data" in options else "GET", "/echo", **options)
for name, options in {
    "headers": {"headers": {"X-A": "1", "Accept": "text/html"}},
    "pairs": {"headers": [("X-A", "1"), ("X-A", "2")]},
    "skipped": {"skip_auto_headers": ["Accept"]},
    "version": {"version": lambda http: http.HttpVersion10},
    "cookies": {"cookies": {"a": "1"}, "cookie_jar": lambda http: http.CookieJar(unsafe=True)},
    "no_cookies": {"cookies": {"a": "1"}},
    "dummy_jar": {"cookies": {"a": "1"}, "cookie_jar": lambda http: http.DummyCookieJar()},
    "force_close": {"connector": lambda http: http.TCPConnector(force_close=True)},
}.items():
    asks(f"session_{name}", "GET", "/echo", session=options)
asks("session_field_replaced", "GET", "/echo", session={"headers": {"X-A": "1"}}, headers={"x-a": "2"})


async def pieces(*given):
    for piece in given or (b"one", b"two"):
        yield piece


def file_of(content):
    """A file that is gone already; its name is the same in every run of a process."""
    path = pathlib.Path(tempfile.gettempdir()) / f"ferrio-{os.getpid()}-file.txt"
    path.write_bytes(content)
    file = path.open("rb")
    path.unlink()
    return file


class Named(io.BytesIO):
    name = "/some/where/name.json"


def read_up_to(file, size):
    file.read(size)
    return file


BODIES = {
    "bytes": {"data": b"abc"},
    "empty_bytes": {"data": b""},
    "bytearray": {"data": bytearray(b"abc")},
    "memoryview": {"data": memoryview(b"abc")},
    "text": {"data": "grün"},
    "empty_text": {"data": ""},
    "form": {"data": {"a": "1", "b": "two words", "ü": "ß"}},
    "form_numbers": {"data": {"a": 1}},
    "form_lists": {"data": {"a": ["1", "2"]}},
    "form_pairs": {"data": [("a", "1"), ("a", "2")]},
    "empty_form": {"data": {}},
    "form_of_bytes": {"data": {"a": b"x"}},
    "generator": {"data": lambda http: pieces()},
    "generator_empty": {"data": lambda http: pieces(b"", b"x", b"")},
    "bytes_io": {"data": lambda http: io.BytesIO(b"in memory")},
    "bytes_io_in_the_middle": {"data": lambda http: read_up_to(io.BytesIO(b"in memory"), 3)},
    "string_io": {"data": lambda http: io.StringIO("grün")},
    "named_io": {"data": lambda http: Named(b"{}")},
    "file": {"data": lambda http: file_of(b"of a file")},
    "file_in_form": {"data": lambda http: {"a": file_of(b"of a file"), "b": "text"}},
    "json": {"json": {"a": [1, None, "ü"]}},
    "json_null": {"json": None},
    "json_empty": {"json": {}},
    "json_and_data": {"json": {}, "data": b"x"},
    "json_unknown": {"json": object},
    "number": {"data": 5},
    "object": {"data": object()},
    "iterator": {"data": iter([b"x"])},
    "chunked": {"data": b"abc", "chunked": True},
    "chunked_number": {"data": b"abc", "chunked": 1024},
    "chunked_and_length": {"data": b"abc", "chunked": True, "headers": {"Content-Length": "3"}},
    "chunked_twice": {"data": b"abc", "chunked": True, "headers": {"Transfer-Encoding": "chunked"}},
    "deflated": {"data": b"abc" * 100, "compress": True},
    "gzipped_twice": {"data": b"abc", "compress": "gzip", "headers": {"Content-Encoding": "gzip"}},
    "nothing_compressed": {"compress": "gzip"},
    "expected": {"data": b"abc", "expect100": True},
    "expected_nothing": {"expect100": True},
    "payload": {"data": lambda http: http.BytesPayload(b"abc", content_type="a/b")},
    "string_payload": {"data": lambda http: http.StringPayload("ü", encoding="latin-1")},
    "json_payload": {"data": lambda http: http.JsonPayload({"a": 1})},
    "multipart": {"data": lambda http: parts_of(http)},
    "form_data": {"data": lambda http: http.FormData({"a": "1"})},
    "form_data_of_files": {"data": lambda http: form_of(http)},
    "form_data_quoted": {"data": lambda http: quoted_form(http)},
    "form_data_multipart": {"data": lambda http: http.FormData({"a": "1"}, default_to_multipart=True)},
    "form_data_latin": {"data": lambda http: http.FormData({"a": "ü"}, charset="latin-1")},
    "form_data_bad": {"data": lambda http: http.FormData(5)},
    "large": {"data": lambda http: pieces(*[b"x" * 10_000] * 30)},
    "large_file": {"data": lambda http: file_of(b"y" * 200_000)},
}
for name, options in BODIES.items():
    asks(f"body_{name}", "POST", "/echo", **options)
asks("body_of_get", "GET", "/echo", data=b"abc")
asks("body_of_delete", "DELETE", "/echo", json={"a": 1})
asks(
    "body_json_by_session", "POST", "/echo", session={"json_serialize": lambda http: lambda value: "[]"}, json={"a": 1}
)
asks("body_expectation_refused", "POST", "/refuse", data=b"abc", expect100=True)
asks("body_unread", "POST", "/unread", data=b"abc")


def parts_of(http):
    with http.MultipartWriter("mixed", boundary="xx") as writer:
        writer.append(b"bytes")
        writer.append("text", {"X-A": "1"})
        writer.append_json({"a": 1})
        writer.append_form([("a", "1")])
        writer.append(io.BytesIO(b"packed"), {"Content-Encoding": "gzip", "Content-Transfer-Encoding": "base64"})
    return writer if writer.size is None else None


def form_of(http):
    form = http.FormData()
    form.add_field("plain", "text")
    form.add_field("named", "text", filename='na"me.txt', content_type="text/x")
    form.add_field("file", io.BytesIO(b"in memory"))
    form.add_field("real", file_of(b"real"), filename="real.bin")
    return form


def quoted_form(http):
    form = http.FormData(quote_fields=False)
    form.add_field('a"b', "x", filename="ü.txt")
    return form


@case
async def body_compressed_by_gzip(http, session, at):
    async with session.post(at.url("/echo"), data=b"abc" * 100, compress="gzip") as response:
        shown = await response.json()
        return shown["headers"], len(shown["body"]) > 10


@case
async def form_data_refused(http, session, at):
    results = []
    for arguments in (("a", "x", {"content_type": 1}), ("a", "x", {"filename": 1}), ("a\r\nb", "x", {})):
        try:
            http.FormData().add_field(arguments[0], arguments[1], **arguments[2])
        except Exception as error:
            results.append(failed(error))
    return results


@case
async def body_fails(http, session, at):
    async def broken():
        yield b"one"
        raise ValueError("of the body's own")

    async with session.post(at.url("/echo"), data=broken()) as response:
        return response.status


@case
async def body_fails_by_the_system(http, session, at):
    async def broken():
        yield b"one"
        raise OSError(5, "of the disk")

    async with session.post(at.url("/echo"), data=broken()) as response:
        return response.status


for status in (301, 302, 303, 307, 308):
    for method in ("GET", "POST", "HEAD", "PUT"):
        data = {"data": b"abc"} if method in ("POST", "PUT") else {}
        asks(f"redirect_{status}_{method}", method, f"/to/{status}", **data)
asks("redirect_300", "GET", "/to/300")
asks("redirect_304", "GET", "/to/304")
asks("redirect_305", "GET", "/to/305")
for name, location in {
    "relative": "../echo",
    "absolute_path": "/echo?x=1",
    "other_host": "PEER/echo",
    "host_only": "//127.0.0.1:1/",
    "scheme_path": "http:/echo",
    "scheme_relative": "http:../echo",
    "fragment": "/echo%23part",
    "encoded": "/echo/%2520",
    "unicode": "/echo/%C3%BC",
    "ftp": "ftp://127.0.0.1/",
    "no_url": "http://:::",
    "no_host": "http:///x",
    "empty": "",
    "data": "data:text/plain,x",
    "user": "http://user:pass@127.0.0.1:1/",
}.items():
    asks(f"location_{name}", "GET", f"/to/302?location={location}")
asks("location_in_uri", "GET", "/to/302?uri=/echo")
asks("location_missing", "GET", "/to/302?nowhere=1")
asks("redirect_not_followed", "GET", "/to/302", allow_redirects=False)
asks("redirects_too_many", "GET", "/loop/0")
asks("redirects_of_three", "GET", "/loop/0", max_redirects=3)
asks("redirect_of_generator", "POST", "/to/307", data=lambda http: pieces())
asks("redirect_of_file", "POST", "/to/307", data=lambda http: file_of(b"again"))
asks("redirect_of_generator_to_get", "POST", "/to/303", data=lambda http: pieces())
asks("redirect_keeps_fields", "GET", "/to/302", headers={"X-A": "1", "Authorization": "mine"}, cookies={"a": "1"})
asks(
    "redirect_away_drops_secrets",
    "GET",
    "/to/302?location=PEER/echo",
    headers={"X-A": "1", "Authorization": "mine", "Cookie": "c=1", "Proxy-Authorization": "p"},
    cookies={"a": "1"},
)
asks("redirect_drops_query", "GET", "/to/302", params={"location": "/echo", "x": "1"})
asks("redirect_with_cookie", "GET", "/to/302?cookie=a=1")
asks("redirect_raises", "GET", "/to/302?location=/status/500", raise_for_status=True)

COOKIES = {
    "one": "cookie=a=1",
    "two": "cookie1=a=1&cookie2=b=2",
    "path": "cookie=a=1; Path=/other",
    "path_here": "cookie=a=1; Path=/echo",
    "domain": "cookie=a=1; Domain=example.com",
    "secure": "cookie=a=1; Secure",
    "age": "cookie=a=1; Max-Age=100",
    "no_age": "cookie=a=1; Max-Age=0",
    "bad_age": "cookie=a=1; Max-Age=soon",
    "expired": "cookie=a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "later": "cookie=a=1; Expires=Wed, 09-Jun-2099 10:18:14 GMT",
    "bad_expiry": "cookie=a=1; Expires=never",
    "quoted": 'cookie=a="1 2"',
    "quoted_semicolon": 'cookie=a="1; 2"',
    "json": 'cookie=a={"b":1}',
    "spaces": "cookie=a = 1 ; HttpOnly ; SameSite=Lax",
    "empty_value": "cookie=a=",
    "no_value": "cookie=a",
    "no_name": "cookie==1",
    "bad_name": "cookie=a,b=1",
    "bracket_name": "cookie=a[b]=1",
    "control": "cookie=a=1\x012",
    "replaced": "cookie1=a=1&cookie2=a=2",
    "removed": "cookie1=a=1&cookie2=a=; Max-Age=0",
    "odd_attributes": "cookie=a=1; Version=1; Comment=x; Priority=High; Partitioned",
    "no_semicolons": "cookie=a=1; HttpOnly; Path=/ Expires=Tue, 1 Jan 1980 12:00:00 GMT; ",
    "no_semicolons_age": "cookie=a=1; Path=/ Max-Age=0; ",
    "asctime": "cookie=a=1; Expires=Wed Jun  9 10:18:14 2021; Path=/",
    "long": f"cookie=a={'x' * 5000}",
    "unicode": "cookie=a=%C3%BC",
}
for name, query in COOKIES.items():

    async def cookies(http, session, at, query=query):
        async with session.get(
            at.url(f"/cookies?{query.replace(' ', '%20').replace('&cookie2', '&cookie2')}")
        ) as response:
            first = await told(response)
        async with session.get(at.url("/echo")) as response:
            second = (await response.json())["headers"]
        kept = sorted((cookie.key, cookie.value, cookie.output()) for cookie in session.cookie_jar)
        return first["cookies"], second, kept, len(session.cookie_jar)

    cookies.__name__ = f"cookies_{name}"
    case(cookies)
for name, value in {
    "dict": {"a": "1", "b": "two words"},
    "pairs": [("a", "1")],
    "quotes": {"a": 'x"y'},
    "number": {"a": 1},
    "bad_name": {"a b": "1"},
}.items():
    asks(f"own_cookies_{name}", "GET", "/echo", cookies=value)
asks("own_cookies_and_field", "GET", "/echo", cookies={"a": "1"}, headers={"Cookie": "b=2; a=0"})
asks("cookies_of_addresses_are_not_kept", "GET", "/to/302?cookie=a=1", session={"headers": {"X": "1"}})

asks("basic", "GET", "/basic", auth=lambda http: http.BasicAuth("user", "pass"))
asks("basic_by_field", "GET", "/basic", headers=lambda http: {"Authorization": http.encode_basic_auth("user", "pass")})
asks("basic_by_session", "GET", "/basic", session={"auth": lambda http: http.BasicAuth("user", "pass")})
asks("basic_no_tuple", "GET", "/basic", auth=("user", "pass"))
asks("basic_twice", "GET", "/basic", auth=lambda http: http.BasicAuth("u"), headers={"Authorization": "x"})
asks("basic_refused", "GET", "/basic", auth=lambda http: http.BasicAuth("user", "wrong"))


@case
async def basic_in_url(http, session, at):
    async with session.get(at.url("/basic").replace("http://", "http://user:pass@")) as response:
        return await told(response)


@case
async def basic_in_url_and_argument(http, session, at):
    url = at.url("/basic").replace("http://", "http://user:pass@")
    async with session.get(url, auth=http.BasicAuth("u")) as response:
        return response.status


@case
async def basic_auth_itself(http, session, at):
    auth = http.BasicAuth("user", "pass")
    results = [auth, auth.encode(), http.BasicAuth.decode(auth.encode())]
    for given in ("Basic", "Bearer x", "Basic !!!", "Basic eA=="):
        try:
            http.BasicAuth.decode(given)
        except ValueError as error:
            results.append(failed(error))
    for arguments in (("a:b",), (None,), ("a", None)):
        try:
            http.BasicAuth(*arguments)
        except ValueError as error:
            results.append(failed(error))
    return results


DIGESTS = {
    "auth": ("md5", 'realm="r", nonce="n", qop="auth"'),
    "auth_int": ("md5", 'realm="r", nonce="n", qop="auth,auth-int"'),
    "no_qop": ("md5", 'realm="r", nonce="n"'),
    "sha256": ("sha256", 'realm="r", nonce="n", qop="auth", algorithm=SHA-256'),
    "session": ("md5", 'realm="r", nonce="n", qop="auth", algorithm=MD5-sess, opaque="o"'),
    "no_nonce": ("md5", 'realm="r"'),
    "empty_nonce": ("md5", 'realm="r", nonce=""'),
    "no_realm": ("md5", 'nonce="n"'),
    "unknown_algorithm": ("md5", 'realm="r", nonce="n", algorithm=CRC'),
    "unknown_qop": ("md5", 'realm="r", nonce="n", qop="other"'),
    "quotes": ("md5", 'realm="a \\"b\\" c", nonce="n", qop=auth'),
}
for name, (algorithm, challenge) in DIGESTS.items():

    async def digest(http, session, at, algorithm=algorithm, challenge=challenge):
        from urllib.parse import quote

        middleware = http.DigestAuthMiddleware("user", "pass")
        async with http.ClientSession(middlewares=[middleware]) as own:
            results = []
            for _ in range(2):
                url = at.url(f"/digest/{algorithm}?challenge={quote(challenge)}")
                async with own.post(url, data=b"abc") as response:
                    results.append((response.status, await response.text()))
        return results, len(at.asked)

    digest.__name__ = f"digest_{name}"
    case(digest)


@case
async def digest_refused(http, session, at):
    async with session.get(at.url("/digest/md5"), middlewares=[http.DigestAuthMiddleware("user", "no")]) as response:
        return response.status, len(at.asked)


@case
async def digest_arguments(http, session, at):
    results = []
    for arguments in (("a:b", "c"), (None, "c"), ("a", None)):
        try:
            http.DigestAuthMiddleware(*arguments)
        except ValueError as error:
            results.append(failed(error))
    return results


@case
async def json_of_echo(http, session, at):
    async with session.post(at.url("/echo"), json=[1]) as response:
        return json.loads((await response.json())["body"])
