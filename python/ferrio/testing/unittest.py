"""`IsolatedAsyncioTestCase`: unittest's, on a loop with a virtual clock.

Owns the one private name of unittest's that it takes: `_setupAsyncioRunner`, where Python 3.11 and 3.12 have no
attribute `loop_factory` yet.
"""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Callable

from .. import _compat
from .clock import VirtualLoop


class IsolatedAsyncioTestCase(unittest.IsolatedAsyncioTestCase):
    """unittest.IsolatedAsyncioTestCase on a VirtualLoop, or on the loops of another `loop_factory`."""

    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = VirtualLoop

    if not _compat.TEST_CASES_CHOOSE_LOOPS:

        def _setupAsyncioRunner(self) -> None:
            self._asyncioRunner = asyncio.Runner(debug=True, loop_factory=self.loop_factory)
