"""Lines of the log beside uvicorn's own for the same records and program, colours included; and the fast way."""

import contextlib
import io
import json
import logging
import logging.config
import re
import subprocess
import sys
import threading

import pytest
from ferrio.server import Config, access_logger, logs
from ferrio.server.access_logger import Batches
from server_support import PATIENCE, Served, ask_now, write_app

ACCESS = [
    ("127.0.0.1:5000", "GET", "/a?b=c", "1.1", 200),
    ("", "POST", "/caf%C3%A9", "1.0", 404),
    ("[::1]:1", "DELETE", "/", "1.1", 503),
    ("127.0.0.1:5000", "GET", "/", "1.1", 101),
    ("127.0.0.1:5000", "GET", "/", "1.1", 302),
    ("127.0.0.1:5000", "GET", "/", "1.1", 599),
    ("127.0.0.1:5000", "GET", "/", "1.1", 999),
]


HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def access_record(values):
    return logging.LogRecord("uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', values, None)


@pytest.mark.parametrize("colours", [True, False])
def test_formatters_give_uvicorns_lines(colours):
    theirs = pytest.importorskip("uvicorn.logging")
    fmt = logs.LOGGING_CONFIG["formatters"]["access"]["fmt"]
    for values in ACCESS:
        expected = theirs.AccessFormatter(fmt, use_colors=colours).format(access_record(values))
        assert logs.AccessFormatter(fmt, use_colors=colours).format(access_record(values)) == expected
    fmt = logs.LOGGING_CONFIG["formatters"]["default"]["fmt"]
    for level in (logs.TRACE, *range(10, 60, 10), 7):
        for extra in ({}, {"color_message": "\x1b[1mcoloured\x1b[0m %d"}):
            record = logging.LogRecord("uvicorn.error", level, "", 0, "plain %d", (7,), None)
            vars(record).update(extra)
            expected = theirs.DefaultFormatter(fmt, use_colors=colours).format(record)
            assert logs.DefaultFormatter(fmt, use_colors=colours).format(record) == expected


DESCRIBE = """
import logging, sys
from ferrio.server import Config, logs

way, colours, form = sys.argv[1:]
if way == "dictConfig":
    logs._is_first = lambda: False
Config(None, use_colors={"yes": True, "no": False}.get(colours), access_log_format=form)
print("logging.config" in sys.modules, "http" in sys.modules, "ipaddress" in sys.modules, file=sys.stderr)
for name in ("", "uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
    logger = logging.getLogger(name)
    print(name, logger.level, logger.propagate, logger.disabled)
    for each in logger.handlers:
        formatter = each.formatter
        print(type(each), each.name, each.level, each.stream.name, type(formatter), vars(formatter)["_fmt"],
              getattr(formatter, "use_colors", None), type(formatter._style))
print(logs.LOGGING_CONFIG)
"""


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("colours", ["yes", "no", "auto"])
def test_a_first_configuration_is_what_dict_config_makes(colours, form):
    ways = []
    for way in ("short", "dictConfig"):
        command = [sys.executable, "-c", DESCRIBE, way, colours, form]
        ways.append(subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE))
    assert ways[0].stdout == ways[1].stdout
    assert ways[0].stderr.split() == ["False"] * 3
    assert ways[1].stderr.split()[0] == "True"


def test_whatever_is_set_up_is_found_by_dict_config():
    logger = logging.getLogger("uvicorn.asgi")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    Config(None)
    assert not logger.handlers  # as dictConfig() leaves children that it does not name


@pytest.fixture
def output():
    """What the handler of the access log writes."""
    Config(None, use_colors=None)
    text = io.StringIO()
    logging.getLogger("uvicorn.access").handlers[0].setStream(text)
    return text


@pytest.mark.parametrize("colours", [True, False])
def test_the_fast_way_writes_the_same_lines(output, colours):
    handler = logging.getLogger("uvicorn.access").handlers[0]
    handler.formatter.use_colors = colours
    access, end = access_logger.access_logger()
    for values in ACCESS:
        access(*values)
    end()
    expected = "".join(handler.formatter.format(access_record(values)) + "\n" for values in ACCESS)
    assert output.getvalue() == expected


def test_json(output):
    logging.getLogger("uvicorn.access").handlers[0].setFormatter(logs.AccessJsonFormatter())
    access, end = access_logger.access_logger()
    access(*ACCESS[0])
    access(*ACCESS[1])
    end()
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert all(isinstance(line.pop("time"), float) for line in lines)
    assert lines[1] == {"client": "", "method": "POST", "path": "/caf%C3%A9", "version": "1.0", "status": 404}
    record = json.loads(logs.AccessJsonFormatter().format(access_record(ACCESS[1])))
    assert {**lines[1], "time": record["time"]} == record


def replaced_factory():
    logging.setLogRecordFactory(lambda *values, **others: logging.LogRecord(*values, **others))


CHANGES = {
    "a filter of the logger": lambda logger, handler: logger.addFilter(
        lambda record: "/secret" not in str(record.args)
    ),
    "a filter of the handler": lambda logger, handler: handler.addFilter(
        lambda record: "/secret" not in str(record.args)
    ),
    "a formatter": lambda logger, handler: handler.setFormatter(logging.Formatter("%(message)s")),
    "a format": lambda logger, handler: handler.setFormatter(logs.AccessFormatter("%(client_addr)s")),
    "a second handler": lambda logger, handler: logger.addHandler(logging.NullHandler()),
    "another handler": lambda logger, handler: setattr(logger, "handlers", [logging.NullHandler()]),
    "a level": lambda logger, handler: handler.setLevel(logging.ERROR),
    "handlers above": lambda logger, handler: setattr(logger, "propagate", True),
    "records of another kind": lambda logger, handler: replaced_factory(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whoever_wants_records_gets_them(output, name, monkeypatch):
    logger = logging.getLogger("uvicorn.access")
    monkeypatch.setattr(logger, "filters", [])
    factory = logging.getLogRecordFactory()
    try:
        CHANGES[name](logger, logger.handlers[0])
        access, end = access_logger.access_logger()
    finally:
        logging.setLogRecordFactory(factory)
    seen = []
    monkeypatch.setattr(logger, "handle", seen.append)
    access(*ACCESS[0])
    end()
    assert [(each.args, each.msg) for each in seen] == [(ACCESS[0], '%s - "%s %s HTTP/%s" %d')]


def test_a_log_that_nobody_writes_costs_nothing():
    Config(None, access_log=False)
    assert access_logger.access_logger()[0] is None
    Config(None, log_level="warning")
    assert access_logger.access_logger()[0] is None


def test_lines_come_soon_and_a_stream_that_fails_is_reported(monkeypatch):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    batches = Batches(handler)
    failed = []
    monkeypatch.setattr(handler, "handleError", failed.append)
    for number in range(1000):
        batches.add(f"{number}\n")
    batches.close()
    assert stream.getvalue() == "".join(f"{number}\n" for number in range(1000))
    batches = Batches(handler)
    stream.close()
    batches.add("lost\n")
    batches.close()
    assert next(each.getMessage() for each in failed if each.getMessage()) == "lost\n"


def test_lines_do_not_come_into_what_is_printed():
    printed = io.TextIOWrapper(io.BytesIO())
    batches = Batches(logging.StreamHandler(printed))
    print("one", end=" ", file=printed)
    batches.add("caf\u00e9\n")
    batches.close()
    print("line", file=printed, flush=True)
    assert printed.buffer.getvalue().decode() == "caf\u00e9\none line\n"


class Stuck(io.StringIO):
    """A stream whose reader takes nothing for now."""

    def __init__(self):
        super().__init__()
        self.waits, self.is_read = threading.Event(), threading.Event()

    def write(self, text):
        self.waits.set()
        assert self.is_read.wait(PATIENCE)
        return super().write(text)


def test_a_log_that_nobody_reads(monkeypatch, caplog):
    """What waits is bounded, and the server's end does not wait for it."""
    monkeypatch.setattr(access_logger, "MOST", 10)
    monkeypatch.setattr(access_logger, "PATIENCE", 0.0)
    stream = Stuck()
    batches = Batches(logging.StreamHandler(stream))
    batches.add("first\n")
    assert stream.waits.wait(PATIENCE)
    for number in range(15):
        batches.add(f"{number}\n")
    batches.close()
    assert batches._thread.is_alive() and not stream.getvalue()
    stream.is_read.set()
    batches._thread.join(PATIENCE)
    assert stream.getvalue() == "".join(["first\n", *(f"{number}\n" for number in range(10))])
    assert caplog.messages == ["5 lines of the access log were left out: it is written too slowly."]


PROGRAM = """
import sys
from {package} import Config, Server
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    if scope["path"] == "/raise":
        raise RuntimeError("as asked")
    if scope["path"] == "/nothing":
        return
    if scope["path"] == "/value":
        await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}})
        await send({{"type": "http.response.body"}})
        return "value"
    await send({{"type": "http.response.start", "status": 299, "headers": [(b"content-length", b"0")]}})
    await send({{"type": "http.response.body"}})
Server(Config(app, port=0, use_colors={colours})).run()
"""


def lines_of(package, colours, tmp_path):
    """What the program writes about these requests."""
    (tmp_path / f"{package}.log.py").write_text(PROGRAM.format(package=package, colours=colours))
    served = Served.program(str(tmp_path / f"{package}.log.py"), cwd=tmp_path)
    with served:
        port = int(served.wait_for(r"running on \S*?http://127.0.0.1:(\d+)")[1])
        for path in ("/", "/a%20b?c=%20", "/raise", "/nothing"):
            with contextlib.suppress(OSError):
                ask_now(port, path)
        served.signal(2)
        served.end()
    text = "\n".join(served.lines)
    text = re.sub(r'  File "[^"]*", line \d+.*\n(    .*\n)*', "", text)  # frames are each server's own
    text = re.sub(r"127\.0\.0\.1:\d+", "CLIENT", re.sub(r"\[(\x1b\[36m)?\d+", "[PID", text))
    lines = [line for line in text.splitlines() if "Serving" not in line]  # a line of our own
    return [line.replace("Uvicorn", "Ferrio") for line in lines]


@pytest.mark.parametrize("colours", [False, True])
def test_a_program_writes_what_it_writes_under_uvicorn(colours, tmp_path):
    pytest.importorskip("uvicorn")
    ours, theirs = lines_of("ferrio.server", colours, tmp_path), lines_of("uvicorn", colours, tmp_path)
    only = {"ours": sorted({*ours} - {*theirs}), "theirs": sorted({*theirs} - {*ours})}
    assert only == {"ours": [], "theirs": []}


def test_json_on_the_command_line(tmp_path):
    write_app(tmp_path)
    with Served("hello:app", "--port", "0", "--access-log-format", "json", cwd=tmp_path) as served:
        port = served.port()
        ask_now(port, "/x?y=z")
        line = json.loads(served.wait_for(r"^\{.*")[0])
        assert (line["method"], line["path"], line["status"], line["version"]) == ("GET", "/x?y=z", 200, "1.1")


def test_connections_are_traced(tmp_path):
    write_app(tmp_path)
    command = ["hello:app", "--port", "0", "--log-level", "trace"]
    with Served(*command, cwd=tmp_path) as server:
        port = server.port()
        ask_now(port)
        ask_now(port, headers=HANDSHAKE)
        server.see(
            r"TRACE: +127\.0\.0\.1:\d+ - HTTP connection made",
            r"TRACE: +127\.0\.0\.1:\d+ - HTTP connection lost",
            r"TRACE: +127\.0\.0\.1:\d+ - Upgrading to WebSocket",
            r"TRACE: +127\.0\.0\.1:\d+ - WebSocket connection lost",
        )
