"""Runs uvicorn's own tests of HTTP and WebSocket on `ferrio.server.UvicornHttp` and `UvicornWebSocket`.

    python tests/http/uvicorns_own.py [ARGUMENT OF PYTEST...]

They come with the source distribution of the uvicorn that is installed, which pip gets once, into the environment.
The exit status is pytest's; uvicorns_plugin.py says what is replaced, uvicorns_differences.txt what may fail.
"""

import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
FILES = ["tests/protocols/test_http.py", "tests/protocols/test_websocket.py"]


def main(arguments):
    folder = unpacked(f"uvicorn-{version('uvicorn')}")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "uvicorns_plugin",
        "-p",
        "no:ferrio",
        "-p",
        "no:cacheprovider",
    ]
    command += ["-c", os.devnull, "--rootdir", folder, "-o", "anyio_mode=auto", *FILES, *arguments]
    paths = [str(folder), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.call(command, cwd=folder, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)})


def unpacked(name):
    """The folder of the source distribution."""
    place = Path(sys.prefix, "sdists")
    if not (place / name / FILES[0]).exists():
        place.mkdir(exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--no-binary", ":all:", name.replace("-", "=="), "--dest", place], check=True)
        with tarfile.open(place / f"{name}.tar.gz") as archive:
            archive.extractall(place, filter="data")
    return place / name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
