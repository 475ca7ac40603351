#!/bin/sh
# Type-checks the workspace for macOS, so that kqueue code cannot rot unseen; says so when this machine cannot.
# Argument: the target. Needs that target's standard library, which is fetched when rustup can.
target=$1
there() { ls "$(rustc --print target-libdir --target "$target")"/libstd-*.rlib >/dev/null 2>&1; }

if ! there; then
    rustup target add "$target" >/dev/null 2>&1
fi
if there; then
    # Nothing is linked, so C of dependencies (SQLite of the examples, zstd) need not be compiled: no compiler for that system is here.
    name=$(echo "$target" | tr - _)
    export "CC_$name=true" "AR_$name=true"
    echo "cargo check --workspace --target $target"
    # No interpreter of that system is here; the extension is checked as for this release.
    unset PYO3_PYTHON
    PYO3_CROSS_PYTHON_VERSION=3.13 exec cargo check --workspace --target "$target"
fi
echo "skipped: no standard library for $target here (rustup target add $target)"
