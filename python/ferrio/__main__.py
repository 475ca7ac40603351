"""`python -m ferrio` is the command `ferrio`; everything is in cli/."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
