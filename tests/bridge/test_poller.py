"""A poller without a descriptor: the first await says so."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
import extension

async def main():
    try:
        await extension.sleep_and_return(0, 1)
    except OSError as error:
        print(error)

asyncio.run(main())
"""


def test_the_poller_without_a_descriptor_is_an_error_that_says_so(built, monkeypatch):
    monkeypatch.setenv("FERRIO_POLLER", "poll")
    site = Path(built.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", PROGRAM, site], capture_output=True, text=True, check=True)
    assert "leave the variable FERRIO_POLLER unset" in done.stdout
    assert done.stderr == ""
