"""Runs uvicorn's own tests of HTTP and WebSocket on `ferrio.server.UvicornHttp` and `UvicornWebSocket`.

    python tests/http/uvicorns_own.py [ARGUMENT OF PYTEST...]

The exit status is pytest's; uvicorns_plugin.py says what is replaced, uvicorns_differences.txt what may fail.
"""

import sys

from sdists import run, unpacked

FILES = ["tests/protocols/test_http.py", "tests/protocols/test_websocket.py"]


def main(arguments):
    folder = unpacked("uvicorn", FILES[0])
    return run(folder, "uvicorns_plugin", ["-o", "anyio_mode=auto", *FILES], arguments, [folder])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
