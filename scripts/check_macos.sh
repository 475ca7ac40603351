#!/bin/sh
# Type-checks the engine for macOS, so that kqueue code cannot rot unseen; says so when this machine cannot.
# Argument: the target. Needs that target's standard library, which is fetched when rustup can.
target=$1
there() { ls "$(rustc --print target-libdir --target "$target")"/libstd-*.rlib >/dev/null 2>&1; }

if ! there; then
    rustup target add "$target" >/dev/null 2>&1
fi
if there; then
    echo "cargo check -p ferrio-engine --target $target"
    exec cargo check -p ferrio-engine --target "$target"
fi
echo "skipped: no standard library for $target here (rustup target add $target)"
