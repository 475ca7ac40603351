"""The options of `ferrio serve`, each in one entry: uvicorn's, with its names and meaning, and ferrio's own.

An option is a parameter of `ferrio.server.Config` (`parameter()`), and may come from the environment (serve.py). What
has no entry in a command line or the environment is left to Config's own default.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .errors import nearest
from .table import FILE, Option

TRUE, FALSE = ("1", "true", "t", "yes", "y", "on"), ("0", "false", "f", "no", "n", "off")
LEVELS = ("critical", "error", "warning", "info", "debug", "trace")
ENCODINGS = ("gzip", "br", "zstd")
FORMATS = ("text", "json")


def whole(text: str) -> int:
    """A number of things."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError("a whole number is needed, from 0 on")
    if len(text) > 18:
        raise ValueError("that is too much")
    return int(text)


def number(text: str) -> float:
    """A time in seconds."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ValueError("a number of seconds is needed, from 0 on")
    return value


def port(text: str) -> int:
    """Of TCP."""
    if (value := whole(text)) > 65535:
        raise ValueError("a port is at most 65535")
    return value


def small(text: str) -> int:
    """What the system has in an int of C."""
    if (value := whole(text)) >= 1 << 31:
        raise ValueError("that is too much")
    return value


def truth(text: str) -> bool:
    """Yes or no."""
    if text.lower() not in (*TRUE, *FALSE):
        raise ValueError("true or false is needed")
    return text.lower() in TRUE


def one_of(*words: str) -> Callable[[str], str]:
    """One of these words."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"one of {', '.join(words)} is needed{nearest(text, words)}")
        return text.lower()

    return parse


def encodings(text: str) -> list[str]:
    """Names of ways to compress, with commas."""
    return [one_of(*ENCODINGS)(each.strip()) for each in text.split(",")]


def spoken(words: str) -> Callable[[str], str]:
    """One of the words that `ferrio.server.config` has under this name, or `module:class`."""

    def parse(text: str) -> str:
        from ferrio.server import config

        return text if ":" in text else one_of(*getattr(config, words))(text)

    return parse


def header(text: str) -> tuple[str, str]:
    """`Name:Value`, as a head can have it."""
    name, colon, value = text.partition(":")
    if not colon or not name:
        raise ValueError("NAME:VALUE is needed")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError(f"{name!r} is no name of a header")
    if name.lower() in ("connection", "content-length", "transfer-encoding"):
        raise ValueError(f"{name} is the connection's own")
    if not re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value):
        raise ValueError("the value has a control character, or one that is not Latin-1")
    return name, value


def folder_at(text: str) -> tuple[str, str]:
    """`/url=folder`."""
    from os.path import isdir

    url, equals, folder = text.partition("=")
    if not equals or not url.startswith("/"):
        raise ValueError("/URL=FOLDER is needed")
    if not isdir(folder):
        raise ValueError(f"there is no folder {folder!r}")
    return url, folder


def url_path(text: str) -> str:
    """`/path`."""
    if not text.startswith("/"):
        raise ValueError("a path begins with /")
    return text


def with_library(package: str, library: str, *suffixes: str) -> Callable[[str], str]:
    """A file that is there; where its name ends so, a library that reads it has to be, too."""

    def parse(text: str) -> str:
        from importlib.util import find_spec

        if existing(text).endswith(suffixes) and find_spec(package) is None:
            raise ValueError(f"reading it needs {library} (pip install {library})")
        return text

    return parse


def cert_reqs(text: str) -> int:
    """`ssl.VerifyMode`, by number."""
    return int(one_of("0", "1", "2")(text))


def existing(text: str) -> str:
    """A file or folder that is there."""
    from os.path import exists

    if not exists(text):
        raise ValueError("there is no such file or folder")
    return text


def parameter(option: Option) -> str:
    """The name of it for `Config`."""
    name = option.name[2:].replace("-", "_")
    return PLURALS.get(name, name)


PLURALS = {each: f"{each}s" for each in ("reload_dir", "reload_include", "reload_exclude", "header")}

_PLACE = "where it listens"
_APP = "the application"
_PROCESS = "processes and reloading"
_LOG = "logging and metrics"
_HTTP = "HTTP"
_LIMIT = "limits"
_WEBSOCKET = "WebSocket"
_TLS = "TLS"

OPTIONS = (
    Option("--host", "Address to listen on; 127.0.0.1 by default.", value="HOST", group=_PLACE),
    Option(
        "--port", "Port to listen on; 8000 by default, 0 for any that is free.", value="N", parse=port, group=_PLACE
    ),
    Option("--uds", "Listen on a Unix socket with this path.", value="PATH", complete=FILE, group=_PLACE),
    Option("--fd", "Listen on the socket that this descriptor is.", value="N", parse=small, group=_PLACE),
    Option("--backlog", "Connections that may wait to be accepted; 2048.", value="N", parse=small, group=_PLACE),
    Option(
        "--app-dir", "Look for APP in this folder; the current one by default.", value="DIR", complete=FILE, group=_APP
    ),
    Option("--factory", "APP is a function that makes the application.", group=_APP),
    Option(
        "--interface",
        "What APP is; auto by default.",
        value="auto|asgi3|asgi2|wsgi",
        parse=one_of("auto", "asgi3", "asgi2", "wsgi"),
        complete=lambda: ("auto", "asgi3", "asgi2", "wsgi"),
        group=_APP,
    ),
    Option(
        "--wsgi-on-loop",
        "Call a WSGI application on the loop's own thread, one request at a time.",
        group=_APP,
    ),
    Option(
        "--lifespan",
        "Whether APP is told of start and end; auto by default: if it wants to be.",
        value="auto|on|off",
        parse=one_of("auto", "on", "off"),
        complete=lambda: ("auto", "on", "off"),
        group=_APP,
    ),
    Option("--root-path", "The URL path that APP is mounted at by a proxy.", value="PATH", group=_APP),
    Option(
        "--env-file",
        "Read environment variables from a file.",
        value="FILE",
        parse=with_library("dotenv", "python-dotenv", ""),
        complete=FILE,
        group=_APP,
    ),
    Option("--reset-contextvars", "Each request begins with no context variable set.", group=_APP),
    Option("--loop", "Accepted as uvicorn's; the loop is ferrio's.", value="NAME", group=_APP),
    Option("--workers", "Processes; $WEB_CONCURRENCY or 1 by default.", value="N", parse=whole, group=_PROCESS),
    Option("--reload", "Start anew when a file changes.", group=_PROCESS),
    Option(
        "--reload-dir",
        "Folder to watch, the current one by default. May be repeated.",
        value="DIR",
        parse=existing,
        complete=FILE,
        many=True,
        group=_PROCESS,
    ),
    Option(
        "--reload-include",
        "Pattern of files to watch, besides *.py. May be repeated.",
        value="GLOB",
        many=True,
        group=_PROCESS,
    ),
    Option(
        "--reload-exclude",
        "Pattern of files or folders to leave out. May be repeated.",
        value="GLOB",
        many=True,
        group=_PROCESS,
    ),
    Option("--reload-delay", "Between two looks at files; 0.25.", value="SECONDS", parse=number, group=_PROCESS),
    Option(
        "--pid-file",
        "Keep the process's number in this file while it runs.",
        value="FILE",
        complete=FILE,
        group=_PROCESS,
    ),
    Option(
        "--log-level",
        "The least important lines to write; info by default.",
        value="LEVEL",
        parse=one_of(*LEVELS),
        complete=lambda: LEVELS,
        group=_LOG,
    ),
    Option(
        "--log-config",
        "Configure logging by a .json, .yaml or .ini file.",
        value="FILE",
        parse=with_library("yaml", "PyYAML", ".yaml", ".yml"),
        complete=FILE,
        group=_LOG,
    ),
    Option("--access-log", "Whether each answer is logged; yes by default.", negative="--no-access-log", group=_LOG),
    Option(
        "--access-log-format",
        "How; text by default.",
        value="text|json",
        parse=one_of(*FORMATS),
        complete=lambda: FORMATS,
        group=_LOG,
    ),
    Option(
        "--use-colors", "Whether lines are coloured; on a terminal by default.", negative="--no-use-colors", group=_LOG
    ),
    Option(
        "--metrics-port", "Serve figures for Prometheus on this port of the host.", value="N", parse=port, group=_LOG
    ),
    Option(
        "--metrics-path",
        "Serve figures for Prometheus on this path, such as /metrics.",
        value="PATH",
        parse=url_path,
        group=_LOG,
    ),
    Option("--http", "Accepted as uvicorn's; HTTP is ferrio's own.", value="NAME", parse=spoken("HTTP"), group=_HTTP),
    Option("--http2", "Refused: HTTP/2 is for a proxy in front.", group=_HTTP),
    Option(
        "--header",
        "Add a header to each answer. May be repeated.",
        value="NAME:VALUE",
        parse=header,
        many=True,
        group=_HTTP,
    ),
    Option(
        "--server-header",
        "Whether answers say `Server: ferrio`; yes by default.",
        negative="--no-server-header",
        group=_HTTP,
    ),
    Option("--date-header", "Whether answers have a date; yes by default.", negative="--no-date-header", group=_HTTP),
    Option(
        "--proxy-headers",
        "Whether X-Forwarded-For and -Proto count; yes by default.",
        negative="--no-proxy-headers",
        group=_HTTP,
    ),
    Option(
        "--forwarded-allow-ips",
        "Whose: addresses, networks, * for all; $FORWARDED_ALLOW_IPS or local.",
        value="A,B",
        group=_HTTP,
    ),
    Option(
        "--static",
        "Serve the files of a folder. May be repeated.",
        value="/URL=DIR",
        parse=folder_at,
        many=True,
        group=_HTTP,
    ),
    Option(
        "--compress",
        "Compress answers, the first way that the client takes: gzip,br,zstd.",
        value="A,B",
        parse=encodings,
        complete=lambda: ENCODINGS,
        group=_HTTP,
    ),
    Option("--compress-min-size", "Only from this size on; 500.", value="BYTES", parse=whole, group=_HTTP),
    Option(
        "--limit-concurrency", "More connections or requests at once get a 503.", value="N", parse=whole, group=_LIMIT
    ),
    Option("--limit-connections", "More connections at once are closed.", value="N", parse=whole, group=_LIMIT),
    Option("--limit-max-requests", "End the process after so many requests.", value="N", parse=whole, group=_LIMIT),
    Option("--limit-max-requests-jitter", "At random up to so many more.", value="N", parse=whole, group=_LIMIT),
    Option("--limit-request-head", "Largest head of a request; 65536.", value="BYTES", parse=whole, group=_LIMIT),
    Option("--limit-request-headers", "Most headers of a request; 256.", value="N", parse=whole, group=_LIMIT),
    Option(
        "--limit-request-body", "Largest body of a request; none by default.", value="BYTES", parse=whole, group=_LIMIT
    ),
    Option(
        "--h11-max-incomplete-event-size",
        "uvicorn's name of --limit-request-head.",
        value="BYTES",
        parse=whole,
        group=_LIMIT,
    ),
    Option(
        "--timeout-keep-alive",
        "Close a connection that is idle for so long; 5.",
        value="SECONDS",
        parse=number,
        group=_LIMIT,
    ),
    Option(
        "--timeout-request-head",
        "Close one whose request has not come by then; 30.",
        value="SECONDS",
        parse=number,
        group=_LIMIT,
    ),
    Option(
        "--timeout-request-body",
        "Close one whose body has not; none by default.",
        value="SECONDS",
        parse=number,
        group=_LIMIT,
    ),
    Option(
        "--timeout-send",
        "Close one whose client takes nothing of its answer for so long; 60.",
        value="SECONDS",
        parse=number,
        group=_LIMIT,
    ),
    Option(
        "--timeout-graceful-shutdown",
        "Cancel what has not ended by then; none by default.",
        value="SECONDS",
        parse=number,
        group=_LIMIT,
    ),
    Option(
        "--timeout-worker-healthcheck",
        "Replace a worker that does not answer for so long; 5.",
        value="SECONDS",
        parse=number,
        group=_LIMIT,
    ),
    Option(
        "--ws",
        "none refuses WebSockets; other names mean ferrio's own.",
        value="NAME",
        parse=spoken("WEBSOCKETS_OR_NONE"),
        group=_WEBSOCKET,
    ),
    Option("--ws-max-size", "Largest message; 16777216.", value="BYTES", parse=whole, group=_WEBSOCKET),
    Option(
        "--ws-max-queue", "Messages that may wait for the application; 32.", value="N", parse=whole, group=_WEBSOCKET
    ),
    Option("--ws-ping-interval", "Between two pings; 20.", value="SECONDS", parse=number, group=_WEBSOCKET),
    Option("--ws-ping-timeout", "How long an answer may take; 20.", value="SECONDS", parse=number, group=_WEBSOCKET),
    Option(
        "--ws-per-message-deflate",
        "Whether messages are compressed; true by default.",
        value="BOOL",
        parse=truth,
        complete=lambda: ("true", "false"),
        group=_WEBSOCKET,
    ),
    Option("--ssl-certfile", "Certificate.", value="FILE", complete=FILE, group=_TLS),
    Option("--ssl-keyfile", "Its key.", value="FILE", complete=FILE, group=_TLS),
    Option("--ssl-keyfile-password", "The password of the key.", value="TEXT", group=_TLS),
    Option(
        "--ssl-version", "Protocol, by the number that Python's ssl has for it.", value="N", parse=whole, group=_TLS
    ),
    Option("--ssl-cert-reqs", "Whether clients need a certificate: 0, 1 or 2.", value="N", parse=cert_reqs, group=_TLS),
    Option("--ssl-ca-certs", "Who may have signed it.", value="FILE", complete=FILE, group=_TLS),
    Option("--ssl-ciphers", "Ciphers that may be used; OpenSSL's by default.", value="LIST", group=_TLS),
)
