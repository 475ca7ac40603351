"""Autobahn's cases for WebSocket, by kosoku, against ferrio's server: an echo on a port of its own.

    python tests/http/autobahn.py [--parallel N] CASE...

Prints what kosoku does and each case that did not pass, and exits 1 if there is one. The server sends no pings: a case
of performance that is asked for a pong takes that for its end.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

import ferrio
from http_support import served

PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")
UNFIT = "Strings must be encoded before hashing"
"""An error of kosoku's own in the smallest cases of 12 and 13: they end with it before they connect."""

EVERYTHING = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*", "12.*", "13.*")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=EVERYTHING)
    parser.add_argument("--parallel", type=int, default=16, help="so many at once: most of them wait for each other")
    options = parser.parse_args()
    outcomes = ferrio.run(run(options.cases, options.parallel))
    unfit = [each for each in outcomes if each["result"] == UNFIT]
    outcomes = [each for each in outcomes if each not in unfit]
    failed = [each for each in outcomes if not passes(each)]
    for each in failed:
        print(f"{each['id']}: {each['behavior']}, {each['behaviorClose']}: {each['result']} {each['resultClose']}")
    if unfit:
        print("kosoku cannot run", *sorted(each["id"] for each in unfit))
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} cases passed")
    sys.exit(bool(failed) or not outcomes)


def passes(outcome):
    return outcome["behavior"] in PASSED and outcome["behaviorClose"] in PASSED


async def run(cases, parallel):
    """What kosoku reports of each case."""
    command = Path(sys.executable).with_name("kosoku")
    chosen = [word for case in cases for word in ("--include", case)]
    settings = {"max_size": 1 << 25, "ping_interval": None, "ping_timeout": None}
    with tempfile.TemporaryDirectory() as folder:
        async with served(echo, websocket=settings) as server:
            arguments = [*chosen, "--parallelism", str(parallel), "--outdir", folder, f"127.0.0.1:{server.port}"]
            process = await asyncio.create_subprocess_exec(command, *arguments, stdout=sys.stderr)
            await process.wait()
            assert not server.told, server.told
        return [json.loads(report.read_text()) for report in Path(folder).glob("*_case_*.json")]


async def echo(scope, receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        kind = "text" if message.get("text") is not None else "bytes"
        await send({"type": "websocket.send", kind: message[kind]})


if __name__ == "__main__":
    if not shutil.which(Path(sys.executable).with_name("kosoku")):
        sys.exit("kosoku is missing: pip install -r tests/requirements.txt")
    main()
