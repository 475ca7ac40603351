"""`ReadPipeTransport` and `WritePipeTransport`: the cold half of the native pipe transports.

The same split as in `selector_events`: bytes move natively, wording is here. The pipe object stays the owner
of its descriptor and is closed with the transport.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Callable
from typing import Any

from . import _ferrio


class _Pipe:
    """What both ends have in common."""

    _given_extra: dict[str, Any] | None = None
    # Native, in the classes below. So are `_gone`, `_owner`, `_closing` and `_fileno`: methods that use these take any
    # `self`.
    _abandon: Callable[[], None]
    _disown: Callable[[], None]
    _stored_extra: dict[str, Any] | None

    @property
    def _pipe(self: Any) -> Any:
        return None if self._gone else self._owner

    @_pipe.setter
    def _pipe(self, value: None) -> None:
        """Setting None, as test suites do, says that the pipe is somebody else's business now."""
        self._abandon()

    @property
    def _extra(self) -> dict[str, Any]:
        if self._stored_extra is None:
            self._stored_extra = {}
        return self._stored_extra

    @_extra.setter
    def _extra(self, extra: dict[str, Any]) -> None:
        self._stored_extra = extra

    def _state(self: Any) -> list[str]:
        info = [self.__class__.__name__]
        if self._gone:
            info.append("closed")
        elif self._closing:
            info.append("closing")
        info.append(f"fd={self._fileno}")
        return info

    def _unclosed(self: Any, _warn: Any = warnings.warn) -> None:
        """What `__del__` does, where anything is left to do."""
        _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
        owner = self._owner
        self._disown()
        owner.close()


class ReadPipeTransport(_Pipe, _ferrio.ReadPipeTransport):
    """The reading end of a pipe, a FIFO, a terminal or a socket that is read like one."""

    max_size = 256 * 1024

    def __repr__(self) -> str:
        info = self._state()
        if self._gone or self._loop.is_closed():
            info.append("closed" if self._gone else "open")
        else:
            info.append("polling" if self._polling else "idle")
        return f"<{' '.join(info)}>"


class WritePipeTransport(_Pipe, _ferrio.WritePipeTransport):
    """The writing end of a pipe, or of whatever is written like one."""

    def __repr__(self) -> str:
        info = self._state()
        if self._gone or self._loop.is_closed():
            info.append("closed" if self._gone else "open")
        else:
            size = self.get_write_buffer_size()
            info.extend(["polling" if size else "idle", f"bufsize={size}"])
        return f"<{' '.join(info)}>"


def prepare(pipe: Any, writing: bool) -> None:
    """Make sure that `pipe` is something a transport can work on, and never blocks."""
    mode = os.fstat(pipe.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
        if writing:
            raise ValueError("Pipe transport is only for pipes, sockets and character devices")
        raise ValueError("Pipe transport is for pipes/sockets only.")
    os.set_blocking(pipe.fileno(), False)
