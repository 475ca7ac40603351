"""`UploadTracker`: how far a request's body has got.

Owns the count and the outcome; sending.py reports. Invariant: the future is done once, when no more attempt can begin
and the last one has ended.
"""

from __future__ import annotations

import asyncio

from .errors import UploadAbortedError


class UploadTracker:
    """For one request: `session.post(url, data=file, upload_tracker=tracker)`."""

    def __init__(self) -> None:
        self.attempts = 0
        self.upload_complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_bound = False
        self._is_final = False
        self._is_writing = False
        self._is_sent = False
        self._error: BaseException | None = None
        self._accepted = 0
        self._transport: asyncio.Transport | None = None

    @property
    def bytes_written(self) -> int:
        """How many bytes of the body have left for the system, in this attempt."""
        if self._transport is None:
            return self._accepted
        return max(0, self._accepted - self._transport.get_write_buffer_size())

    def _bind(self) -> None:
        if self._is_bound:
            raise RuntimeError("UploadTracker is already bound to a request")
        self._is_bound = True

    def _begin(self) -> None:
        """One more attempt."""
        self.attempts += 1
        self._is_writing = self._is_sent = False
        self._error = None
        self._accepted = 0
        self._transport = None

    def _write(self, transport: asyncio.Transport | None) -> None:
        """The attempt has a connection."""
        self._is_writing = True
        self._transport = transport

    def _add(self, size: int) -> None:
        self._accepted += size

    def _end(self, error: BaseException | None, is_sent: bool) -> None:
        """The attempt has ended."""
        self._accepted = self.bytes_written if not is_sent else self._accepted
        self._transport = None
        self._is_writing = False
        self._is_sent = is_sent
        self._error = error
        if self._is_final:
            self._settle()

    def _finish(self) -> None:
        """No more attempt will begin."""
        self._is_final = True
        if not self._is_writing:
            self._settle()

    def _settle(self) -> None:
        future = self.upload_complete
        if future.done():
            return
        if self._is_sent:
            future.set_result(None)
        else:
            future.set_exception(self._error or UploadAbortedError("The request body was not fully sent"))
            future.exception()  # who asks done() alone is not warned
