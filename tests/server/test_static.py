"""Static files over real connections: a table of conditional and range requests, and what must not come out."""

import os

import pytest
from ferrio.server.conditions import etag_of, http_date
from ferrio.server.static import StaticFiles, content_type, located, nothing
from server_support import ask, run, serving

TEXT = b"0123456789" * 10
TIME = 1_700_000_000  # Tue, 14 Nov 2023 22:13:20 GMT
LATER, EARLIER = http_date(TIME + 1).decode(), http_date(TIME - 1).decode()
SAME = http_date(TIME).decode()


@pytest.fixture
def folder(tmp_path):
    """A folder of files, one beside it, and links into both."""
    public = tmp_path / "public"
    (public / "sub").mkdir(parents=True)
    (public / "empty").mkdir()
    (public / "a.txt").write_bytes(TEXT)
    (public / "style.css").write_text("p {}")
    (public / "nothing.bin").touch()
    (public / "sub" / "index.html").write_text("<p>index")
    (public / "large.bin").write_bytes(os.urandom(700_000))
    (public / "ünï cödé.txt").write_text("umlauts")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "public-too").mkdir()
    (tmp_path / "public-too" / "x.txt").write_text("not public")
    (public / "inside").symlink_to(public / "a.txt")
    (public / "outside").symlink_to(tmp_path / "secret.txt")
    (public / "outside-folder").symlink_to(tmp_path)
    os.mkfifo(public / "fifo")
    os.utime(public / "a.txt", (TIME, TIME))
    return public


def get(folder, *requests, url="/files"):
    """The answers to requests of `(path, headers)` or `(path, headers, method)`."""

    async def main():
        async with serving("ferrio.server.static:nothing", static=[(url, str(folder))], lifespan="off") as port:
            return [await ask(port, path, *method, headers=headers) for path, headers, *method in requests]

    return run(main())


TAG = '"' + f"{TIME * 10**9:x}-{len(TEXT):x}" + '"'

# Headers of the request; status, content-range and body of the answer.
TABLE = [
    ({}, 200, None, TEXT),
    ({"If-None-Match": TAG}, 304, None, b""),
    ({"If-None-Match": f"W/{TAG}"}, 304, None, b""),
    ({"If-None-Match": f'"other", {TAG}'}, 304, None, b""),
    ({"If-None-Match": "*"}, 304, None, b""),
    ({"If-None-Match": '"other"'}, 200, None, TEXT),
    ({"If-None-Match": '"other"', "If-Modified-Since": LATER}, 200, None, TEXT),
    ({"If-Modified-Since": SAME}, 304, None, b""),
    ({"If-Modified-Since": LATER}, 304, None, b""),
    ({"If-Modified-Since": EARLIER}, 200, None, TEXT),
    ({"If-Modified-Since": "yesterday"}, 200, None, TEXT),
    ({"If-Match": TAG}, 200, None, TEXT),
    ({"If-Match": "*"}, 200, None, TEXT),
    ({"If-Match": f"W/{TAG}"}, 412, None, b""),
    ({"If-Match": '"other"'}, 412, None, b""),
    ({"If-Match": TAG, "If-Unmodified-Since": EARLIER}, 200, None, TEXT),
    ({"If-Unmodified-Since": SAME}, 200, None, TEXT),
    ({"If-Unmodified-Since": EARLIER}, 412, None, b""),
    ({"If-Match": TAG, "If-None-Match": TAG}, 304, None, b""),
    ({"Range": "bytes=0-4"}, 206, "bytes 0-4/100", b"01234"),
    ({"Range": "bytes=95-"}, 206, "bytes 95-99/100", b"56789"),
    ({"Range": "bytes=95-500"}, 206, "bytes 95-99/100", b"56789"),
    ({"Range": "bytes=-3"}, 206, "bytes 97-99/100", b"789"),
    ({"Range": "bytes=-500"}, 206, "bytes 0-99/100", TEXT),
    ({"Range": "bytes=99-99"}, 206, "bytes 99-99/100", b"9"),
    ({"Range": "bytes=100-"}, 416, "bytes */100", b""),
    ({"Range": "bytes=-0"}, 416, "bytes */100", b""),
    ({"Range": "bytes=5-4"}, 200, None, TEXT),
    ({"Range": "bytes=0-1,5-6"}, 200, None, TEXT),
    ({"Range": "bytes=a-b"}, 200, None, TEXT),
    ({"Range": "bytes=-"}, 200, None, TEXT),
    ({"Range": "lines=0-4"}, 200, None, TEXT),
    ({"Range": "bytes=" + "9" * 30 + "-"}, 200, None, TEXT),
    ({"Range": "bytes=0-4", "If-Range": TAG}, 206, "bytes 0-4/100", b"01234"),
    ({"Range": "bytes=0-4", "If-Range": f"W/{TAG}"}, 200, None, TEXT),
    ({"Range": "bytes=0-4", "If-Range": '"other"'}, 200, None, TEXT),
    ({"Range": "bytes=0-4", "If-Range": SAME}, 206, "bytes 0-4/100", b"01234"),
    ({"Range": "bytes=0-4", "If-Range": LATER}, 200, None, TEXT),
    ({"Range": "bytes=0-4", "If-None-Match": TAG}, 304, None, b""),
    ({"Range": "bytes=0-4", "If-Match": '"other"'}, 412, None, b""),
]


def test_conditions_and_ranges(folder):
    answers = get(folder, *(("/files/a.txt", headers) for headers, *_ in TABLE))
    for (headers, *expected), answer in zip(TABLE, answers, strict=True):
        seen = [answer.status, answer.headers.get("content-range"), answer.body]
        assert seen == expected, headers
        assert (answer.headers["etag"], answer.headers["last-modified"]) == (TAG, SAME)
        assert answer.headers.get("content-length", "0") == str(len(answer.body))


def test_head_is_the_same_without_a_body_and_without_ranges(folder):
    ranged = [headers for headers, status, *_ in TABLE if status in (206, 416)]
    for head in get(folder, *(("/files/a.txt", headers, "HEAD") for headers in ranged)):
        assert (head.status, head.headers["content-length"], head.body) == (200, str(len(TEXT)), b"")
    others = [headers for headers, *_ in TABLE if headers not in ranged]
    requests = [("/files/a.txt", headers, method) for headers in others for method in ("GET", "HEAD")]
    answers = get(folder, *requests)
    for whole, head in zip(answers[::2], answers[1::2], strict=True):
        same = [{**answer.headers, "date": None} for answer in (whole, head)]
        assert (head.status, same[1], head.body) == (whole.status, same[0], b"")


def test_a_large_file_and_its_parts(folder):
    content = (folder / "large.bin").read_bytes()
    requests = [{}, {"Range": "bytes=1000-600999"}, {"Range": "bytes=-300000"}]
    answers = get(folder, *(("/files/large.bin", headers) for headers in requests))
    assert [answer.body for answer in answers] == [content, content[1000:601000], content[-300000:]]
    assert answers[0].headers["content-type"] == "application/octet-stream"


def test_an_index_that_is_a_link(folder):
    (folder / "empty" / "index.html").symlink_to(folder / "a.txt")
    (folder / "leak").mkdir()
    (folder / "leak" / "index.html").symlink_to(folder.parent / "secret.txt")
    found, outside = get(folder, ("/files/empty/", {}), ("/files/leak/", {}))
    assert (found.status, found.body, outside.status) == (200, TEXT, 404)


NOT_THERE = [
    "/files/no.txt",
    "/files/outside",
    "/files/outside-folder/secret.txt",
    "/files/../secret.txt",
    "/files/%2e%2e/secret.txt",
    "/files/..%2fsecret.txt",
    "/files/sub/../../secret.txt",
    "/files/sub/%2e%2e/a.txt",
    "/files/%2fetc/passwd",
    "/files//etc/passwd",
    "/files/%00",
    "/files/a.txt%00.css",
    "/files/a.txt/",
    "/files/empty",
    "/files/empty/",
    "/files/fifo",
    "/files-too/x.txt",
    "/files../public-too/x.txt",
    "/",
    "/files",
    "/files/" + "x" * 300,
]


def test_what_is_not_there(folder):
    answers = get(folder, *((path, {}) for path in NOT_THERE))
    for path, answer in zip(NOT_THERE, answers, strict=True):
        assert (answer.status, answer.body) == (404, b"Not Found"), path


def test_what_is_there(folder):
    names = ["sub/", "inside", "nothing.bin", "%C3%BCn%C3%AF%20c%C3%B6d%C3%A9.txt", "style.css"]
    index, inside, empty, umlauts, style = get(folder, *((f"/files/{name}", {}) for name in names))
    assert (index.status, index.body, index.headers["content-type"]) == (200, b"<p>index", "text/html; charset=utf-8")
    assert (inside.status, inside.body) == (200, TEXT)
    assert (empty.status, empty.body, empty.headers["content-length"]) == (200, b"", "0")
    assert umlauts.body == b"umlauts"
    assert style.headers["content-type"] == "text/css; charset=utf-8"


def test_a_folder_without_its_slash_is_redirected_on_this_host(folder):
    paths = ["/files/sub", "/files/sub?a=b", "//files/sub"]
    answers = get(folder, *((path, {}) for path in paths[:2]))
    assert [(each.status, each.headers["location"]) for each in answers] == [
        (307, "/files/sub/"),
        (307, "/files/sub/?a=b"),
    ]
    (root,) = get(folder, ("//sub", {}), url="/")
    assert (root.status, root.headers["location"]) == (307, "/sub/")


def test_other_methods_and_paths_are_the_applications(folder):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def main():
        async with serving(app, static=[("/", str(folder))], lifespan="off") as port:
            requests = [("POST", "/a.txt"), ("GET", "/route"), ("GET", "/a.txt"), ("OPTIONS", "/a.txt")]
            return [(await ask(port, path, method)).status for method, path in requests]

    assert run(main()) == [201, 201, 200, 201]


def test_the_longest_url_comes_first(folder):
    app = StaticFiles(nothing, [("/", str(folder)), ("/sub", str(folder / "sub"))])
    assert [each.url for each in app.folders] == ["/sub/", "/"]
    assert located(app.folders[0], "index.html") == str(folder / "sub" / "index.html")
    assert located(app.folders[1], "outside") is None


def test_names_of_kinds_are_the_same_on_every_system():
    assert content_type(".js") == b"text/javascript; charset=utf-8"
    assert content_type(".wasm") == b"application/wasm"
    assert content_type(".no-such") == b"application/octet-stream"


def test_a_tag_changes_with_the_file(folder):
    before = etag_of(os.stat(folder / "a.txt"))
    os.utime(folder / "a.txt", ns=(TIME * 10**9, TIME * 10**9 + 1))
    assert etag_of(os.stat(folder / "a.txt")) != before
