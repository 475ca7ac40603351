#!/bin/sh
# Says in one line what to install when a tool is missing. Arguments: names of tools; python is $PYTHON.
missing=0
python=${PYTHON:-python3}

lacks() {
    echo "ferrio needs $1" >&2
    missing=1
}

for tool in "$@"; do
    case $tool in
    cargo) cargo --version >/dev/null 2>&1 ||
        lacks "Rust 1.88 or later: install it with rustup (https://rustup.rs), then open a new shell" ;;
    rustfmt) cargo fmt --version >/dev/null 2>&1 || lacks "rustfmt: rustup component add rustfmt" ;;
    clippy) cargo clippy --version >/dev/null 2>&1 || lacks "clippy: rustup component add clippy" ;;
    miri) cargo +nightly miri --version >/dev/null 2>&1 ||
        lacks "Miri: rustup toolchain install nightly --component miri --component rust-src" ;;
    msrv) cargo +"$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)" --version >/dev/null 2>&1 ||
        lacks "the oldest Rust that it supports: rustup toolchain install 1.88 --profile minimal" ;;
    semver) cargo semver-checks --version >/dev/null 2>&1 || lacks "cargo-semver-checks: cargo install cargo-semver-checks" ;;
    cc) command -v cc >/dev/null 2>&1 ||
        lacks "a C compiler to link with: apt-get install gcc libc6-dev, dnf install gcc, or xcode-select --install" ;;
    python)
        releases=$("$(dirname "$0")/releases.sh" | paste -sd ' ')
        known="import sys; sys.exit('%d.%d' % sys.version_info[:2] not in '$releases'.split())"
        if ! "$python" -c "$known" 2>/dev/null; then
            lacks "CPython, one of $releases, and '$python' is not: install one, or name it: make PYTHON=/path/to/python3 ..."
        elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            lacks "the venv module of '$python': on Debian and Ubuntu, apt-get install python3-venv"
        fi ;;
    esac
done
exit $missing
