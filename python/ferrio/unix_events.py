"""`Loop`: ferrio's event loop on Unix.

Two bases, in this order: the native loop, which has whatever runs per callback, per packet and per connection; and the
running Python's own selector loop, which has the rest: argument checks, connecting, serving, executors, exception
handlers, debug texts. So the parts that differ between Python's releases are always those of the release that runs.
What the second base would keep in a selector and a self-pipe does not exist here; the methods below stand where it
would reach for them.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from asyncio import base_events, events

from . import _ferrio

class Loop(_ferrio.BaseLoop, asyncio.SelectorEventLoop):
    """An asyncio event loop whose engine is native."""

    def __init__(self) -> None:
        base_events.BaseEventLoop.__init__(self)
        self._selector = None
        self._ssock = self._csock = None
        self._transports = weakref.WeakValueDictionary()
        self._signal_handlers = {}
        self._unix_server_sockets = {}
        self._notice_time()

    def run_forever(self) -> None:
        """Run until stop() is called."""
        self._check_closed()
        self._check_running()
        self._set_coroutine_origin_tracking(self._debug)
        old_hooks = sys.get_asyncgen_hooks()
        try:
            self._thread_id = threading.get_ident()
            sys.set_asyncgen_hooks(
                firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook
            )
            events._set_running_loop(self)
            self._run_turns()
        finally:
            self._stopping = False
            self._thread_id = None
            events._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)
            sys.set_asyncgen_hooks(*old_hooks)

    def add_signal_handler(self, sig, callback, *args):
        """Call callback(*args) in the loop when the signal `sig` arrives. Main thread only."""
        if self._csock is None and not self._closed:
            self._make_self_pipe()
        super().add_signal_handler(sig, callback, *args)

    def _add_callback_signalsafe(self, handle):
        self.call_soon_threadsafe(handle._run)

    def _close_self_pipe(self):
        if self._csock is not None:
            super()._close_self_pipe()
