#!/bin/sh
# Prints the releases of CPython that ferrio knows, oldest first, a line each: what pyproject.toml tells pip.
set -eu
range='s/^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"$/\1 \2/p'
set -- $(sed -n "$range" "$(dirname "$0")/../pyproject.toml")
seq -f 3.%g "$1" "$(($2 - 1))"
