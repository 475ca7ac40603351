"""`ferrio.testing`: tests of asyncio programs that need not wait.

ferrio.run(test(), loop_factory=ferrio.testing.VirtualLoop)     # anywhere
pytest_plugins = ["ferrio.testing.pytest"]                      # fixtures; see there
class Case(ferrio.testing.IsolatedAsyncioTestCase): ...         # unittest
"""

from .clock import EventLoopPolicy, VirtualLoop
from .unittest import IsolatedAsyncioTestCase

__all__ = ("EventLoopPolicy", "IsolatedAsyncioTestCase", "VirtualLoop")
