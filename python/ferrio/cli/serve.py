"""`ferrio serve APP`: a server for an ASGI or WSGI application, by `ferrio.server.run`.

The application runs as under `ferrio run`: whatever it takes of asyncio's or uvloop's is ferrio's, in workers, too.
What the command line leaves out may come from the environment: `FERRIO_PORT`, or `UVICORN_PORT`, as uvicorn has it.
"""

from __future__ import annotations

import os
from typing import Any

from .commands import RUN
from .errors import Mistake
from .parse import Request
from .serving import OPTIONS, parameter, truth
from .table import Option

PREFIXES = ("FERRIO_", "UVICORN_")
FILES_ONLY = "ferrio.server.static:nothing"


def main(request: Request) -> int:
    """Serve until the end; the server's own exit statuses are raised."""
    options = arguments(request)
    app = next(iter(request.words), None) or _variable("app")[1] or (FILES_ONLY if options.get("static") else None)
    if app is None:
        raise Mistake("serve: APP is missing: ferrio serve [OPTIONS] MODULE:ATTRIBUTE")
    if options.get("http2"):
        raise Mistake("serve: --http2: HTTP/2 is not served; put a proxy that speaks it in front")
    if options.get("ssl_keyfile") and not options.get("ssl_certfile"):
        raise Mistake("serve: --ssl-keyfile: its certificate is missing: --ssl-certfile FILE")
    from .everywhere import begin

    begin(Request(RUN, {}, []))
    from ferrio.server import run
    from ferrio.server.logs import BadConfiguration

    try:
        run(app, app_dir=str(options.pop("app_dir", "")), **options)
    except BadConfiguration as error:
        raise Mistake(f"serve: --log-config {error}") from None
    return 0


def arguments(request: Request) -> dict[str, Any]:
    """What `run()` is to be called with: the command line's, then the environment's."""
    found: dict[str, Any] = {}
    for option in OPTIONS:
        if request.has(option.name):
            found[parameter(option)] = request.options[option.name]
        elif (value := _from_environment(request, option)) is not None:
            found[parameter(option)] = value
    return found


def _from_environment(request: Request, option: Option) -> Any:
    name, text = _variable(parameter(option))
    if text is None:
        return None
    try:
        if not option.value:
            return truth(text)
        return [option.parse(each) for each in text.split()] if option.many else option.parse(text)
    except ValueError as error:
        raise Mistake(f"serve: ${name} {text!r}: {error}") from None


def _variable(name: str) -> tuple[str, str | None]:
    """The variable of that option, which counts as not set where it is empty."""
    own = ("WEB_CONCURRENCY",) if name == "workers" else ()
    for each in (*(prefix + name.upper() for prefix in PREFIXES), *own):
        if text := os.environ.get(each):
            return each, text
    return "", None
