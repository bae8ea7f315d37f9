# SPDX-License-Identifier: MIT
# What the image scripts share.  Sourced with the output directory as the first argument of the script.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)

[ $# -ge 1 ] || { echo "usage: $0 OUTPUT-DIRECTORY ..." >&2; exit 2; }
mkdir -p "$1"
images=$(cd "$1" && pwd)
shift

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

update_lists() {
    if [ "$(id -u)" = 0 ]; then apt-get update -qq >&2; else sudo -n apt-get update -qq >&2; fi || true
}

# Runs apt-get download for one package in the current directory; apt options may precede it.
download() {
    apt-get -o APT::Sandbox::User=root "$@" >&2
}

# deb PACKAGE: prints the path of its .deb, downloaded once.
deb() {
    mkdir -p "$images/debs"
    file=$(ls "$images/debs/$1"_*.deb 2>/dev/null | head -n 1)
    if [ -z "$file" ]; then
        (cd "$images/debs" && { download download -qq "$1" || { update_lists; download download -qq "$1"; }; }) ||
            fail "apt could not download $1"
        file=$(ls "$images/debs/$1"_*.deb | head -n 1)
    fi
    echo "$file"
}

# extract DEB PATTERN: writes the one file matching PATTERN inside the package to standard output.
extract() {
    dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "$2"
}
