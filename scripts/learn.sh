#!/bin/sh
# Gathers what a profile-guided build learns from: an instrumented build, installed into VENV, runs scripts/train.py there.
#
#   scripts/learn.sh VENV PROFILE
#
# VENV has maturin; PROFILE is the file to write. It needs llvm-profdata of the very toolchain; without, one line says how
# to have it, and there is no PROFILE. The code is compiled by scripts/rustc_alike.sh, as whatever uses the profile has to be.
set -eu
venv=$(cd "$1" && pwd) profile=$2
work=$PWD/target/pgo

rm -f "$profile"
profdata=$(find "$(rustc --print sysroot)" -name llvm-profdata -type f | head -n 1)
if [ -z "$profdata" ]; then
    echo "learn: not profile-guided: llvm-profdata is missing (rustup component add llvm-tools)"
    exit
fi

echo "learn: an instrumented build, to learn from"
rm -rf "$work/raw" "$venv/wheels"
CARGO_TARGET_DIR=$work/instrumented RUSTFLAGS="-Cprofile-generate=$work/raw" FERRIO_BUILD=instrumented \
    RUSTC_WRAPPER=$PWD/scripts/rustc_alike.sh \
    "$venv/bin/maturin" build --quiet --profile dist --interpreter "$venv/bin/python" --out "$venv/wheels"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$venv"/wheels/*.whl
echo "learn: training (scripts/train.py)"
"$venv/bin/python" -P scripts/train.py
mkdir -p "$(dirname "$profile")"
"$profdata" merge --output "$profile" "$work/raw"
