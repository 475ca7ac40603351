"""A socket to the first of several addresses that answers: RFC 8305, "happy eyeballs".

Owns the race. Invariant: of all sockets that are made, one is returned and the others are closed, also when whoever
waits is cancelled.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import Any

AddrInfoType = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
SocketFactoryType = Callable[[AddrInfoType], socket.socket]


async def connected(
    infos: Sequence[AddrInfoType],
    *,
    local: Sequence[AddrInfoType] = (),
    delay: float | None = None,
    interleave: int | None = None,
    factory: SocketFactoryType | None = None,
) -> socket.socket:
    """A connected socket. Each address is tried `delay` seconds after the one before, or when that has failed."""
    loop = asyncio.get_running_loop()
    waiting = interleaved(infos, 1 if interleave is None and delay is not None else interleave)
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_attempt(loop, waiting.pop(0), local, factory)))
            done, running = await asyncio.wait(
                running, timeout=delay if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                if isinstance(error := task.exception(), OSError):
                    errors.append(error)
                else:
                    running |= done - {task}
                    return task.result()
    finally:
        _give_up(running)
    raise _together(errors)


def interleaved(infos: Sequence[AddrInfoType], first: int | None) -> list[AddrInfoType]:
    """The families in turn, after `first` addresses of the first one."""
    if not first:
        return list(infos)
    families: dict[Any, list[AddrInfoType]] = {}
    for info in infos:
        families.setdefault(info[0], []).append(info)
    lists = list(families.values())
    ahead = lists[0][: first - 1]
    lists[0] = lists[0][first - 1 :]
    return ahead + [info for info in chain.from_iterable(zip_longest(*lists)) if info is not None]


async def _attempt(
    loop: asyncio.AbstractEventLoop,
    info: AddrInfoType,
    local: Sequence[AddrInfoType],
    factory: SocketFactoryType | None,
) -> socket.socket:
    family, kind, proto, _, address = info
    made = socket.socket(family, kind, proto) if factory is None else factory(info)
    try:
        made.setblocking(False)
        _bind(made, family, local)
        await loop.sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made


def _bind(made: socket.socket, family: int, local: Sequence[AddrInfoType]) -> None:
    if not local:
        return
    errors: list[OSError] = []
    for candidate, _, _, _, address in local:
        if candidate != family:
            continue
        try:
            return made.bind(address)
        except OSError as error:
            text = f"error while attempting to bind on address {address!r}: {str(error.strerror).lower()}"
            errors.append(OSError(error.errno, text))
    raise errors.pop() if errors else OSError(f"no matching local address with {family=} found")


def _give_up(tasks: set[asyncio.Task[socket.socket]]) -> None:
    for task in tasks:
        task.cancel()
        task.add_done_callback(_close_made)


def _close_made(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _together(errors: list[OSError]) -> OSError:
    """One error for all."""
    if len({str(error) for error in errors}) == 1:
        return errors[0]
    text = f"Multiple exceptions: {', '.join(map(str, errors))}"
    numbers = {error.errno for error in errors}
    return OSError(numbers.pop(), text) if len(numbers) == 1 else OSError(text)
