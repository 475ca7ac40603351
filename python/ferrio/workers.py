"""Workers for gunicorn, on ferrio's loop: `gunicorn -k ferrio.workers.UvicornWorker app:app`.

| worker | serves | by |
|---|---|---|
| `UvicornWorker`, `UvicornH11Worker` | ASGI | uvicorn, through uvicorn-worker |
| `AiohttpWorker` | an `aiohttp.web.Application`, or a coroutine function that gives one | aiohttp |
| `ASGIWorker` | ASGI | gunicorn itself, from release 24 on |

Each is the worker of that library, which decides everything but the loop: its process calls `ferrio.install()` before
it imports the application. A class is made when it is asked for, so that each needs its own library only.
Invariant: importing this file imports nothing of gunicorn's, nor of theirs, and neither does going through its `dir()`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import ferrio

LOOP = "ferrio:new_event_loop"  # as uvicorn spells it


class _Base(NamedTuple):
    """Where a worker comes from: the class, also under its former name, and what pip has to install for it."""

    places: tuple[str, ...]
    packages: str
    attributes: dict[str, Any]


_UVICORN = "gunicorn uvicorn uvicorn-worker"
_BASES = {
    "UvicornWorker": _Base(
        ("uvicorn_worker:UvicornWorker", "uvicorn.workers:UvicornWorker"),
        _UVICORN,
        {"CONFIG_KWARGS": {"loop": LOOP, "http": "auto"}},
    ),
    "UvicornH11Worker": _Base(
        ("uvicorn_worker:UvicornH11Worker", "uvicorn.workers:UvicornH11Worker"),
        _UVICORN,
        {"CONFIG_KWARGS": {"loop": LOOP, "http": "h11"}},
    ),
    "AiohttpWorker": _Base(("aiohttp.worker:GunicornWebWorker",), "gunicorn aiohttp", {}),
    "ASGIWorker": _Base(("gunicorn.workers.gasgi:ASGIWorker",), "'gunicorn>=24'", {}),
}


class _OnFerrio:
    """What each worker does before its library's own class begins."""

    cfg: Any  # gunicorn's settings

    def init_process(self) -> None:
        """Called by gunicorn in the new process, once, before the application is imported."""
        ferrio.install()
        if getattr(self.cfg, "asgi_loop", "") == "auto":
            self.cfg.set("asgi_loop", "asyncio")  # where "auto" is uvloop's, should that be installed
        super().init_process()  # type: ignore[misc]  # the class beside this one has it


def __getattr__(name: str) -> type[Any]:
    """Make the worker of that name."""
    if name not in _BASES:
        # gunicorn takes an AttributeError here for one of its own, and says something else.
        error = ImportError if name.endswith("Worker") else AttributeError
        raise error(f"module {__name__!r} has no {name!r}; its workers are {', '.join(_BASES)}")
    base = _BASES[name]
    attributes = {"__module__": __name__, "__doc__": f"{name} on ferrio's loop.", **base.attributes}
    worker = type(name, (_OnFerrio, _imported(name, base)), attributes)
    return globals().setdefault(name, worker)  # type: ignore[no-any-return]


def _imported(name: str, base: _Base) -> type[Any]:
    """The first of the places that is there. ImportError, which says what to install, if none is."""
    reasons = []
    for place in base.places:
        module, _, attribute = place.partition(":")
        try:
            return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
        except ImportError as error:
            reasons.append(str(error))
    raise ImportError(f"ferrio.workers.{name} lacks its library ({'; '.join(reasons)}): pip install {base.packages}")
