"""The servers that are compared: how each is started, at its best, for what a row asks; one worker, no access log.

The settings are those that took least CPU time on a busy machine with two processors, three rounds each, or that the
server's own documentation names for speed; the reason stands beside each that is not a default. A contender is a server
and the interpreter that has it, as with loops: `[LABEL=]NAME[@PYTHON]`, where NAME may be a shell pattern. Must not
know rows.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from ..installed.harness.contenders import Contender, parse
from .check import Unsupported

SUBJECT = "ferrio"
OURS = ("ferrio", "uvicorn+ferrio")
"""Not among the peers."""

KEPT = "75"
"""Seconds that an idle connection is kept: longer than a measurement, where the default may be 2."""


@dataclass(frozen=True)
class Service:
    """What a row asks a server for. `websocket`: "", "plain" or "deflate"."""

    app: str
    interface: str = "asgi"
    secured: bool = False
    websocket: str = ""


@dataclass(frozen=True)
class Place:
    """Where a server finds what it needs: its interpreter, its port, a file with key and certificate."""

    python: str
    port: int
    pem: str

    def program(self, name: str) -> str:
        """The command beside the interpreter."""
        return str(Path(self.python).parent / name)


Command = Callable[[Service, Place], list[str]]


@dataclass(frozen=True)
class Kind:
    """A server: the command, the distribution that has it, and what has to be importable."""

    command: Command
    package: str
    needs: str = "sys"


def find(patterns: list[str]) -> tuple[list[Contender], dict[str, str]]:
    """The contenders that are installed, and why the others are not there; the first pattern that fits one counts."""
    found: list[Contender] = []
    missing: dict[str, str] = {}
    for text in patterns:
        label, pattern, python = parse(text)
        names = [name for name in KINDS if fnmatch(name, pattern)]
        if not names:
            missing[label] = f"no such server; there are {', '.join(KINDS)}"
        for name in names:
            label = label if "=" in text else name
            if label not in missing and label not in [each.label for each in found]:
                version, lacks = _probe(KINDS[name], python)
                if lacks:
                    missing[label] = lacks
                else:
                    found.append(Contender(label, name, python, version))
    return found, missing


def command(contender: Contender, service: Service, place: Place) -> list[str]:
    """What starts it. Raises Unsupported if it does not have what is asked."""
    return KINDS[contender.loop].command(service, place)


def _probe(kind: Kind, python: str) -> tuple[str, str]:
    """Its version, or what is missing."""
    if not Path(python).exists():
        return "", f"there is no {python}"
    text = f"import {kind.needs}, importlib.metadata as m; print(m.version({kind.package!r}))"
    done = subprocess.run([python, "-P", "-c", text], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        return done.stdout.strip(), ""
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    is_missing = reason.startswith(("importlib.metadata.PackageNotFoundError", "ModuleNotFoundError"))
    return "", f"{reason}: pip install {kind.package}" if is_missing else reason


def _ferrio(service: Service, place: Place) -> list[str]:
    interface = "wsgi" if service.interface == "wsgi" else "asgi3"
    deflate = str(service.websocket == "deflate").lower()
    options = ["--no-access-log", "--log-level", "warning", "--interface", interface, "--timeout-keep-alive", KEPT]
    options += ["--ws-per-message-deflate", deflate]
    options += ["--wsgi-on-loop"] if service.interface == "wsgi" else []  # as weft and peregrine do
    return [place.python, "-m", "ferrio", "serve", service.app, *_port(place), *options, *_ssl(service, place)]


def _uvicorn(service: Service, place: Place) -> list[str]:
    # websockets-sansio took half to two thirds of the CPU of the other two. Only where there are WebSockets.
    ws = "websockets-sansio" if service.websocket else "none"
    return _uvicorn_with(service, place, "--loop", "uvloop", "--http", "httptools", "--ws", ws)


def _uvicorn_on_ferrio(service: Service, place: Place) -> list[str]:
    ws = "ferrio.server:UvicornWebSocket" if service.websocket else "none"
    loop, http = "ferrio:new_event_loop", "ferrio.server:UvicornHttp"
    return _uvicorn_with(service, place, "--loop", loop, "--http", http, "--ws", ws)


def _uvicorn_with(service: Service, place: Place, *chosen: str) -> list[str]:
    interface = "wsgi" if service.interface == "wsgi" else "asgi3"
    options = ["--no-access-log", "--log-level", "warning", "--interface", interface, "--timeout-keep-alive", KEPT]
    ws = ["--ws-per-message-deflate", str(service.websocket == "deflate").lower()]
    start = [place.python, "-m", "uvicorn", service.app, *_port(place)]
    return [*start, *options, *chosen, *ws, *_ssl(service, place)]


def _granian(service: Service, place: Place) -> list[str]:
    # One runtime thread is the default, and neither its other mode nor tasks in Rust took less. HTTP/1 alone, and no
    # WebSockets where there are none, save it a look at each connection. WSGI: a thread more than one took no more.
    options = ["--interface", service.interface, "--loop", "uvloop", "--http", "1", "--log-level", "error"]
    options += ["--ws" if service.websocket else "--no-ws", "--no-access-log", "--workers", "1"]
    options += ["--blocking-threads", _THREADS] if service.interface == "wsgi" else []
    secured = ["--ssl-certificate", place.pem, "--ssl-keyfile", place.pem] if service.secured else []
    return [place.program("granian"), *options, *secured, *_port(place), service.app]


def _weft(service: Service, place: Place) -> list[str]:
    # WSGI runs on the worker's own thread, which is the default and a fifth cheaper than one thread beside it.
    options = ["--protocol", service.interface, "--log-level", "error", "--keep-alive", KEPT, "--no-http2"]
    options += _compressing(service, "--no-websockets", "--ws-compress")
    return [place.program("weft"), *_port(place), *options, *_tls(service, place), service.app]


def _peregrine(service: Service, place: Place) -> list[str]:
    # It takes uvloop by itself where that is installed. Times are milliseconds. More than one thread for WSGI, which is
    # the default, takes four times the CPU.
    options = ["--protocol", service.interface, "--log-level", "error", "--keep-alive", f"{KEPT}000", "--no-http2"]
    options += _compressing(service, "--no-websockets", "--ws-compress")
    return [place.program("peregrine"), *_port(place), *options, *_tls(service, place), service.app]


def _h2corn(service: Service, place: Place) -> list[str]:
    _asgi_only(service)
    # One runtime thread beside Python's took 10 to 30 % less CPU than the default's two. uvloop or asyncio: undecided.
    options = ["--no-access-log", "--runtime-threads", "1", "--loop", "uvloop"]
    deflate = "" if service.websocket == "deflate" else "no-"
    options += [f"--{deflate}websocket-per-message-deflate"]
    secured = ["--certfile", place.pem, "--keyfile", place.pem] if service.secured else []
    return [place.program("h2corn"), *_port(place), *options, *secured, service.app]


def _hypercorn(service: Service, place: Place) -> list[str]:
    # With 0 workers it serves in its first process: the same CPU, without the memory of a second one that watches.
    options = ["--worker-class", "uvloop", "--workers", "0", "--log-level", "error", "--keep-alive", KEPT]
    secured = ["--certfile", place.pem, "--keyfile", place.pem] if service.secured else []
    return [
        place.program("hypercorn"),
        "--bind",
        _address(place),
        *options,
        *secured,
        f"{service.interface}:{service.app}",
    ]


def _gunicorn(service: Service, place: Place) -> list[str]:
    # Its parser in C is taken where gunicorn_h1c is installed. For WSGI, of 1, 4, 8 and 64 threads, 4 and 8 took least.
    threaded = ["--worker-class", "gthread", "--threads", _THREADS]
    worker = threaded if service.interface == "wsgi" else ["--worker-class", "asgi", "--asgi-loop", "uvloop"]
    options = ["--workers", "1", "--log-level", "error", "--keep-alive", KEPT, "--worker-tmp-dir", "/dev/shm"]
    secured = ["--certfile", place.pem, "--keyfile", place.pem] if service.secured else []
    return [place.program("gunicorn"), "--bind", _address(place), *worker, *options, *secured, service.app]


def _asgi_only(service: Service) -> None:
    if service.interface != "asgi":
        raise Unsupported("WSGI")


def _address(place: Place) -> str:
    return f"127.0.0.1:{place.port}"


def _port(place: Place) -> list[str]:
    return ["--host", "127.0.0.1", "--port", str(place.port)]


def _ssl(service: Service, place: Place) -> list[str]:
    return ["--ssl-certfile", place.pem, "--ssl-keyfile", place.pem] if service.secured else []


def _tls(service: Service, place: Place) -> list[str]:
    return ["--tls-cert", place.pem, "--tls-key", place.pem] if service.secured else []


def _compressing(service: Service, none: str, deflate: str) -> list[str]:
    return {"": [none], "plain": [], "deflate": [deflate]}[service.websocket]


_THREADS = "4"

KINDS = {
    "ferrio": Kind(_ferrio, "ferrio", "ferrio.server"),
    "uvicorn+ferrio": Kind(_uvicorn_on_ferrio, "uvicorn", "ferrio.server; ferrio.server.UvicornHttp; import httptools"),
    "uvicorn": Kind(_uvicorn, "uvicorn", "uvloop, httptools, websockets"),
    "granian": Kind(_granian, "granian", "uvloop"),
    "weft": Kind(_weft, "weft-server"),
    "peregrine": Kind(_peregrine, "peregrine-server", "uvloop"),
    "h2corn": Kind(_h2corn, "h2corn", "uvloop"),
    "hypercorn": Kind(_hypercorn, "hypercorn", "uvloop"),
    "gunicorn": Kind(_gunicorn, "gunicorn", "uvloop, gunicorn_h1c"),
}
"""In the order of the table."""
