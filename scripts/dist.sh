#!/bin/sh
# Builds ferrio as it is published, for this machine, and installs it into VENV; the wheel stays in VENV/wheels: fat LTO,
# one codegen unit, and guided by the profile that scripts/learn.sh gathers, where that can. `make wheels` is what publishes.
#
#   scripts/dist.sh VENV
#
# Unlike what is published it is linked by the system's own linker, and keeps its symbols, for profilers. `ferrio doctor`
# tells one build from the other (FERRIO_BUILD).
set -eu
venv=$(cd "$1" && pwd)
profile=$PWD/target/pgo/$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])').profdata

scripts/learn.sh "$venv" "$profile"
rm -rf "$venv/wheels"
flags='' build=dist
[ ! -e "$profile" ] || flags=-Cprofile-use=$profile build="dist, profile-guided"
echo "dist: the build that is kept"
CARGO_TARGET_DIR=target/pgo/guided RUSTFLAGS=$flags FERRIO_BUILD=$build RUSTC_WRAPPER=$PWD/scripts/rustc_alike.sh \
    "$venv/bin/maturin" build --quiet --profile dist --interpreter "$venv/bin/python" --out "$venv/wheels"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$venv"/wheels/*.whl
