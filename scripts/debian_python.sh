#!/bin/sh
# Puts a newer CPython than this machine has into a folder, with its own C library, from a newer suite of Debian.
#
#   scripts/debian_python.sh FOLDER [VERSION [SUITE]]      3.14 by default; each is in the suite that is named below
#
# `make py314` and `make py315` run it, then the tests and the benchmarks there. Prints the interpreter's path: for
# `make bench PYTHON=...`, and in tables as `ferrio@PATH`. Nothing of the system changes: packages are unpacked, not
# installed, and the interpreter's machine code is pointed at the folder's C library. The folder must stay where it is;
# removing it removes everything. They come from where this machine's own packages come from, or from DEBIAN_MIRROR.
# Needs root for debootstrap, about 400 MB, and debootstrap and patchelf (apt-get install debootstrap patchelf).
set -eu
if [ $# -lt 1 ]; then
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
version=${2:-3.14}
case $version in
3.14) suite=${3:-forky} ;;
*) suite=${3:-sid} ;;
esac
for tool in debootstrap patchelf dpkg-deb; do
    command -v $tool >/dev/null || { echo "it takes $tool: apt-get install debootstrap patchelf dpkg" >&2; exit 1; }
done
mkdir -p "$1"
folder=$(cd "$1" && pwd)
python=$folder/usr/bin/python$version

# Every archive that this machine's packages come from, a line each, in both forms in which apt is told.
archives() {
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs:[[:space:]]*//p' | tr -s ' \t' '\n\n'
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n 's/^deb[[:space:]]\{1,\}\(\[[^]]*][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p'
}

# The first of them that has the suite; apt fetches, since it knows this machine's proxies.
mirror() {
    for archive in $(archives); do
        archive=${archive%/}
        found=$folder/.found
        /usr/lib/apt/apt-helper download-file "$archive/dists/$suite/InRelease" "$found" >/dev/null 2>&1 || continue
        rm -f "$found"
        echo "$archive"
        return
    done
    echo "no archive in /etc/apt/sources.list and /etc/apt/sources.list.d has the suite $suite: name one by DEBIAN_MIRROR" >&2
    return 1
}

if [ ! -e "$folder/.unpacked" ]; then
    mirror=${DEBIAN_MIRROR:-$(mirror)}
    # A suite younger than this debootstrap is made as sid is.
    script=/usr/share/debootstrap/scripts/$suite
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    wanted=python$version-venv,python$version-dev,libpython$version-testsuite,ca-certificates
    debootstrap --foreign --variant=minbase --include="$wanted" "$suite" "$folder" "$mirror" "$script" >&2
    for package in "$folder"/var/cache/apt/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
    libraries=$folder/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
    loader=$(find "$folder/usr/lib64/" "$libraries/" -maxdepth 1 -name 'ld-linux*.so.*' | head -n 1)
    # Not --set-rpath alone: only the older tag is also asked for what extension modules need.
    patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$python"
    # Else it would take this system's pip, which is older than it.
    find "$folder/usr/lib/python$version" -name '_sysconfigdata*.py' -exec \
        sed -i "s|'/usr/share/python-wheels|'$folder/usr/share/python-wheels|" {} +
    touch "$folder/.unpacked"
fi
"$python" -c 'import ssl, venv, sysconfig, test.test_asyncio' >&2
echo "$python"
