"""The guards of conftest.py, proved by running pytest on tests that each trip one of them.

The runs have nothing to do with the installed ferrio: where one is needed, a stand-in is.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CASES = {
    "descriptor": (
        "import os\ndef test_it():\n    os.pipe()\n",
        "file descriptors left open",
    ),
    "socket of a loop": (
        "import socket\nkept = []\ndef test_it():\n    kept.extend(socket.socketpair())\n",
        "file descriptors left open",
    ),
    "error on the logger": (
        "import logging\ndef test_it():\n    logging.getLogger('asyncio').error('lost exception')\n",
        "errors on the logger asyncio",
    ),
    "exception nobody retrieved": (
        "import asyncio\ndef test_it():\n    loop = asyncio.new_event_loop()\n"
        "    loop.create_future().set_exception(KeyError())\n    loop.close()\n",
        "exception was never retrieved",
    ),
    "hang in a test": (
        "import time\ndef test_it():\n    time.sleep(60)\n",
        "in test_it",
    ),
    "hang in a tear-down": (
        "import pytest, time\n@pytest.fixture\ndef slow():\n    yield\n    time.sleep(60)\n"
        "def test_it(slow):\n    pass\n",
        "in slow",
    ),
}

CLEAN = """
import asyncio
def test_tidy(new_loop, aio):
    assert aio.__name__ in ("asyncio", "ferrio")
    loop = new_loop()
    assert not loop.get_debug()
    loop.create_task(asyncio.sleep(60))
    left = new_loop()
    async def main():
        await left.run_in_executor(None, int)
    left.run_until_complete(main())
def test_expected(asyncio_errors):
    loop = asyncio.new_event_loop()
    loop.call_exception_handler({"message": "wanted"})
    loop.close()
    assert asyncio_errors.pop().message == "wanted" and not asyncio_errors
"""


def run(folder: Path, text: str, hang: str = "20") -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", folder)
    (folder / "test_it.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        cwd=folder,
        env={**os.environ, "FERRIO_TEST_HANG": hang, "PYTHONASYNCIODEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", CASES)
def test_guard(tmp_path: Path, name: str) -> None:
    text, message = CASES[name]
    done = run(tmp_path, text, hang="2" if "hang" in name else "20")
    assert done.returncode == 1
    assert message in done.stdout + done.stderr


def test_clean(tmp_path: Path) -> None:
    (tmp_path / "ferrio.py").write_text("from asyncio import new_event_loop as new_event_loop\n")
    done = run(tmp_path, CLEAN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
