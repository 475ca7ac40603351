#!/bin/sh
# Builds the wheel as it is published, into VENV/wheels: fat LTO, one codegen unit, and profile-guided.
#
#   scripts/dist.sh VENV
#
# Profile-guided: an instrumented build runs scripts/train.py, and what the compiler learns from that decides what it
# inlines and where it puts what rarely runs. It needs llvm-profdata of the very toolchain; without, one line says how
# to have it, and the wheel is made all the same. `ferrio doctor` tells one from the other (FERRIO_BUILD).
set -eu
venv=$(cd "$1" && pwd)
work=$PWD/target/pgo

say() { echo "dist: $*"; }

# build KIND [FLAGS]: a wheel into VENV/wheels, from a target folder of its own, since flags are part of every crate.
build() {
    rm -rf "$venv/wheels"
    CARGO_TARGET_DIR=$work/$1 RUSTFLAGS=${2:-} "$venv/bin/maturin" build --quiet --profile dist \
        --interpreter "$venv/bin/python" --out "$venv/wheels"
}

install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$venv"/wheels/*.whl
}

profdata=$(find "$(rustc --print sysroot)" -name llvm-profdata -type f | head -n 1)
if [ -z "$profdata" ]; then
    say "not profile-guided: llvm-profdata is missing (rustup component add llvm-tools)"
    FERRIO_BUILD="dist" build plain
    install
    exit
fi

say "an instrumented build, to learn from"
rm -rf "$work/profiles"
FERRIO_BUILD="instrumented" build instrumented "-Cprofile-generate=$work/profiles"
install
say "training (scripts/train.py)"
"$venv/bin/python" -P scripts/train.py
"$profdata" merge --output "$work/merged.profdata" "$work/profiles"
say "the build that is kept"
FERRIO_BUILD="dist, profile-guided" build guided "-Cprofile-use=$work/merged.profdata"
install
