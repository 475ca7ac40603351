"""`python -m ferrio.kernel -f FILE`: ipykernel's kernel, on ferrio's loop.

Jupyter starts it, as `ferrio kernel install` has told it. ipykernel does everything; here is only what has to come
before it makes its loop.
"""

from __future__ import annotations

import os
import sys

from . import notebook


def main() -> None:
    """Run until Jupyter says that it is enough."""
    if sys.path[0] in ("", os.getcwd()):
        del sys.path[0]  # until ipykernel puts it back: a notebook's random.py must not be what ipykernel imports
    notebook.enable()
    from ipykernel import kernelapp  # type: ignore[import-not-found,unused-ignore]

    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
