#!/bin/sh
# Makes a virtual environment and puts ferrio into it; does nothing when nothing changed.
#
#   scripts/venv.sh PYTHON VENV release   ferrio built with optimisations and installed, with the test requirements
#   scripts/venv.sh PYTHON VENV dev       debug build, editable
#   scripts/venv.sh PYTHON VENV asan      the release build with AddressSanitizer in the extension (scripts/sanitize.sh)
#   scripts/venv.sh PYTHON VENV dist      ferrio as it is published (scripts/dist.sh), and installed; the wheel stays in VENV/wheels
#   scripts/venv.sh PYTHON VENV wheels    what scripts/wheels.py builds with (scripts/requirements-wheels.txt); without ferrio
#   scripts/venv.sh PYTHON VENV peers     the loops that benchmarks compare with (benches/requirements*.txt)
#   scripts/venv.sh PYTHON VENV servers   the servers that benchmarks compare with (benches/servers/requirements.txt)
#   scripts/venv.sh PYTHON VENV clients   the HTTP clients that benchmarks compare with (benches/http_clients/requirements.txt)
#   scripts/venv.sh PYTHON VENV demo      the extra "demo" of pyproject.toml; ferrio is left alone
#   scripts/venv.sh PYTHON VENV examples  what examples/ needs (examples/requirements.txt); ferrio is left alone
#   scripts/venv.sh PYTHON VENV ecosystem the libraries that tests/ecosystem is about; ferrio is left alone
#   scripts/venv.sh PYTHON VENV docs      what builds the site (docs/requirements.txt); ferrio is left alone
#   scripts/venv.sh PYTHON VENV tools     what `make check` needs (scripts/requirements.txt); ferrio is left alone
#
# What was done is kept as checksums in VENV/.state-*: of the requirements, and of every file the wheel is made from.
set -eu
PYTHON=$1 venv=$2 mode=$3
export PYTHON

case $mode in
tools | ecosystem | docs | demo | examples | peers | servers | clients | wheels) scripts/require.sh python ;;
*) scripts/require.sh cargo cc python ;;
esac

sum() { cat "$@" | cksum; }

sources() {
    find crates python Cargo.toml Cargo.lock pyproject.toml \
        scripts/dist.sh scripts/learn.sh scripts/rustc_alike.sh scripts/train.py -type f \
        \( -name '*.rs' -o -name '*.toml' -o -name '*.lock' -o -name '*.py' -o -name '*.pyi' -o -name py.typed \
        -o -name '*.[ch]' -o -name '*.md' -o -name '*.sh' -o -name suffixes.txt \) \
        -exec cksum {} + | sort | cksum
}

same() { [ "$(cat "$venv/.state-$1" 2>/dev/null)" = "$2" ]; }
keep() { echo "$2" >"$venv/.state-$1"; }

# requirements NAME FILE [ARGUMENT...]: install them unless this very list is there.
requirements() {
    name=$1 file=$2
    shift 2
    wanted="$(sum "$file") $*"
    same "$name" "$wanted" && return
    echo "venv: installing $file into $venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$file" "$@"
    keep "$name" "$wanted"
}

identity='import sys; print(sys.version, sys.base_prefix)'
if [ -d "$venv" ] && [ "$("$venv/bin/python" -c "$identity" 2>/dev/null)" != "$("$PYTHON" -c "$identity")" ]; then
    echo "venv: $venv belongs to another Python, making it anew"
    rm -rf "$venv"
fi
if [ ! -d "$venv" ]; then
    echo "venv: making $venv with $("$PYTHON" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    "$PYTHON" -m venv "$venv"
fi

case $mode in
tools)
    requirements tools scripts/requirements.txt
    exit
    ;;
wheels)
    requirements wheels scripts/requirements-wheels.txt
    exit
    ;;
docs)
    requirements docs docs/requirements.txt
    exit
    ;;
demo)
    # Not `pip install ferrio[demo]`: which ferrio is in there, the other modes decide.
    project='import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]'
    "$venv/bin/python" -c "$project; print(*project['optional-dependencies']['demo'], sep='\n')" >"$venv/demo.txt"
    requirements demo "$venv/demo.txt"
    exit
    ;;
peers)
    requirements peers benches/requirements.txt
    newer='import os, sys; sys.exit(os.confstr("CS_GNU_LIBC_VERSION").split(".") < ["glibc 2", "39"])'
    if "$venv/bin/python" -c "$newer" 2>/dev/null; then
        requirements newer benches/requirements-glibc-2.39.txt
    fi
    exit
    ;;
servers)
    requirements servers benches/servers/requirements.txt
    exit
    ;;
clients)
    requirements clients benches/http_clients/requirements.txt
    exit
    ;;
examples)
    requirements examples examples/requirements.txt
    exit
    ;;
ecosystem)
    requirements ecosystem tests/ecosystem/requirements.txt
    exit
    ;;
esac
requirements tests tests/requirements.txt 'maturin>=1.9,<2'
same ferrio "$mode $(sources)" && exit

bin=$(cd "$venv/bin" && pwd)
# Tests and profilers ask for symbols, which wheels leave out. Of scripts/build_backend.py maturin need not warn.
export MATURIN_STRIP=false MATURIN_NO_MISSING_BUILD_BACKEND_WARNING=1
rm -f "$venv/.state-ferrio"
if [ "$mode" = dev ]; then
    echo "venv: building ferrio (debug, editable) for $venv"
    VIRTUAL_ENV=${bin%/bin} "$bin/maturin" develop
elif [ "$mode" = dist ]; then
    echo "venv: building ferrio for $venv (dist)"
    scripts/dist.sh "$venv"
else
    echo "venv: building ferrio for $venv ($mode)"
    rm -rf "$venv/wheels"
    if [ "$mode" = asan ]; then
        # With a target named, build scripts and macros are left as they are: the compiler has to load them.
        set -- --profile release --target "$(rustc -vV | sed -n 's/^host: //p')" --target-dir target/asan
        export RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=address -Cforce-frame-pointers=yes -Cdebug-assertions=yes'
    else
        set -- --profile "$mode"
    fi
    "$bin/maturin" build "$@" --interpreter "$bin/python" --out "$venv/wheels"
    "$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$venv"/wheels/*.whl
fi
keep ferrio "$mode $(sources)"
