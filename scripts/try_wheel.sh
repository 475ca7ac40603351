#!/bin/sh
# Installs the newest wheel of a folder into a clean environment, as a user would, and runs programs with it.
#
#   scripts/try_wheel.sh PYTHON FOLDER
#
# The environment holds the wheel and nothing else, lives outside the checkout, and goes when this ends. Rust and the
# C compiler are not looked at; the working directory has no ferrio of its own to import by mistake.
set -eu
python=$1
folder=$(cd "$2" && pwd)
examples=$(cd "$(dirname "$0")/../examples/python" && pwd)

tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
wheel=$(find "$folder" -name "ferrio-*-$tag-$tag-*.whl" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
if [ -z "$wheel" ]; then
    echo "no wheel for $tag in $folder: make wheels PYTHON=$python" >&2
    exit 1
fi

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$python" -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps "$wheel"
cd "$place"

say() { echo "try_wheel: $*"; }
bin=$place/venv/bin
say "$(basename "$wheel"), $(du -k "$wheel" | cut -f1) KiB"
"$bin/python" - "$place/venv" <<'PYTHON'
import sys
import ferrio
assert ferrio.__file__.startswith(sys.argv[1]), ferrio.__file__
PYTHON
"$bin/ferrio" --version
"$bin/ferrio" doctor >"$place/doctor.txt" || { cat "$place/doctor.txt"; exit 1; }
say "ferrio doctor: all well"
"$bin/ferrio" run "$examples/tcp_echo.py" >"$place/ferrio.txt"
"$bin/python" "$examples/tcp_echo.py" >"$place/stock.txt"
cmp "$place/ferrio.txt" "$place/stock.txt"
say "examples/python/tcp_echo.py: the same on ferrio and on stock asyncio"
"$bin/ferrio" bench --list >"$place/rows.txt"
grep -q call_soon "$place/rows.txt"
say "ferrio bench knows $(wc -l <"$place/rows.txt") rows"
