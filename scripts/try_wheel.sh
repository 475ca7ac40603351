#!/bin/sh
# Installs a wheel, or the sdist, into a clean environment, as a user would, and runs programs with it.
#
#   scripts/try_wheel.sh PYTHON FILE
#
# The environment holds ferrio and nothing else, lives outside the checkout, and goes when this ends. Of a wheel's trial Rust
# and the C compiler are no part, nor is the network; the working directory has no ferrio of its own to import by mistake.
set -eu
python=$1
file=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
examples=$(cd "$(dirname "$0")/../examples/python" && pwd)

case $file in
*.whl) offline=--no-index ;;
*) offline= ;; # The sdist fetches maturin and crates.
esac
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$python" -m venv "$place/venv"
cd "$place"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check $offline --no-deps "$file"

say() { echo "try_wheel: $*"; }
bin=$place/venv/bin
say "$(basename "$file") on $("$python" --version)"
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
# Before 3.14 CPython ends such a thread by glibc's means, which need the system's own unwinder.
"$bin/python" - <<'PYTHON'
import threading
import time
import ferrio
loop = ferrio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
while not loop.is_running():
    time.sleep(0.001)
loop.call_soon_threadsafe(int)
PYTHON
say "the interpreter ends with a loop left running in a thread"
"$bin/ferrio" bench --list >"$place/rows.txt"
grep -q call_soon "$place/rows.txt"
say "ferrio bench knows $(wc -l <"$place/rows.txt") rows"
