"""What the tests of the examples share: the fixtures `loop` and `strict`. How to run a program is in programs.py.

Every program of examples/python is run as a subprocess, on stock asyncio (`python x.py`) and on ferrio
(`ferrio run x.py`), as a reader would; nothing here imports one. A program that needs a library which is not
installed is skipped, and `make examples` installs them all.
"""

import pytest

pytest.register_assert_rewrite("programs")  # its assertions then say how two outputs differ, as those of a test do

from programs import LOOPS  # noqa: E402


@pytest.fixture(params=LOOPS)
def loop(request):
    """The name of the loop to run on: the test runs once on each."""
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "strict"])
def strict(request):
    """Whether to run in Python's development mode with every warning an error; the test runs both ways."""
    return request.param
