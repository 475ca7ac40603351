"""Runs aiohttp's own tests of its client, as a whole and without the parts that it is made of, on `ferrio.http`.

    python tests/http/aiohttps_own.py [FILE | ARGUMENT OF PYTEST...]

The exit status is pytest's; aiohttps_plugin.py says what is replaced, aiohttps_differences.txt what may fail.
"""

import sys

from sdists import run, unpacked

FILES = [
    "test_client_functional.py",
    "test_client_middleware.py",
    "test_client_middleware_digest_auth.py",
    "test_client_ws_functional.py",
]


def main(arguments):
    # Beside its tests lies aiohttp itself, without what is compiled of it.
    folder = unpacked("aiohttp", "tests/conftest.py") / "tests"
    files = [] if set(FILES) & set(arguments) else FILES
    return run(folder, "aiohttps_plugin", files, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
