#!/bin/sh
# rustc, with names of functions that are the same whatever cargo compiles for: what cargo runs as RUSTC_WRAPPER.
#
# A profile knows functions by name. Cargo puts into a name what was asked of it, also whether a target was named and which,
# so that a build for another system, or by another linker, would find nothing. The newer mangling has no hash beside that.
rustc=$1
shift
for argument; do
    shift
    case $argument in
    metadata=*) argument=metadata=$CARGO_PKG_VERSION ;;
    esac
    set -- "$@" "$argument"
done
exec "$rustc" -Csymbol-mangling-version=v0 "$@"
