"""The contenders beside the loops that `ferrio bench` knows (harness/contenders.py of the installed part).

`uvloop+aiofastnet`, patched as aiofastnet documents it, is the closest rival in TLS, measured where there are
connections; `rsloop-streams` has asyncio's own streams, which rsloop replaces when it is imported, and is measured
where there are streams. `epoll` is not a loop and no peer, but the limit: a bare server in Rust, which the same client
loads.
"""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import replace
from typing import Any

from ..installed.harness import contenders
from ..installed.harness.contenders import Contender, Kind, plain
from ..installed.harness.row import Row

LIMIT = "epoll"
PATCHED = "uvloop+aiofastnet"
STOCK_STREAMS = "rsloop-streams"
LOOPS = ("ferrio", "uvloop", PATCHED, "rloop", "rsloop", STOCK_STREAMS, "zuvloop", "asyncio", LIMIT)
STREAMS = {
    name: getattr(asyncio, name)
    for name in ("open_connection", "open_unix_connection", "start_server", "start_unix_server")
}
"""As they are before anybody replaces them."""


def has_part(name: str, row: Row) -> bool:
    """Whether there is anything to measure: a bare server, patched connections, other streams."""
    if name == LIMIT:
        return bool(row.bare)
    if name == STOCK_STREAMS:
        return row.streams
    return row.loaded or row.streams or name != PATCHED


def find(specifications: list[str], no_limit: str = "") -> tuple[list[Contender], dict[str, str]]:
    """The contenders that can be imported, and why the others cannot; `no_limit`: why there is no bare server."""
    found, missing = contenders.find(specifications)
    bare = [replace(each, version="bare, in Rust") if each.loop == LIMIT else each for each in found]
    if no_limit:
        missing |= {each.label: no_limit for each in bare if each.loop == LIMIT}
    return [each for each in bare if each.label not in missing], missing


def _patched(aiofastnet: Any) -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = aiofastnet.loop_factory(importlib.import_module("uvloop").new_event_loop)()
    return loop


def _with_stock_streams(rsloop: Any) -> asyncio.AbstractEventLoop:
    for module in (asyncio, asyncio.streams):
        vars(module).update(STREAMS)
    return plain(rsloop)


contenders.KINDS |= {
    LIMIT: Kind("asyncio", plain),
    PATCHED: Kind("aiofastnet", _patched, "uvloop aiofastnet"),
    STOCK_STREAMS: Kind("rsloop", _with_stock_streams, contenders.KINDS["rsloop"].install),
}
