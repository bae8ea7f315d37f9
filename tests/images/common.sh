# SPDX-License-Identifier: MIT
# What the image scripts share.  Sourced with the output directory as the first argument of the script.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)

[ $# -ge 1 ] || { echo "usage: $0 OUTPUT-DIRECTORY ..." >&2; exit 2; }
mkdir -p "$1"
images=$(cd "$1" && pwd)
debs=$images/debs
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

# An apt state of its own: i386 only, the Debian archives that this system already uses.
private_apt() {
    debs=$images/debs-i386
    state=$images/apt-i386
    mkdir -p "$state/etc/apt.conf.d" "$state/etc/preferences.d" "$state/lists/partial" "$state/cache/archives/partial"
    : > "$state/status"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ ! -e $keyring ] || signed=" signed-by=$keyring"
    apt-get indextargets --format "deb [arch=i386${signed-}] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
        'Created-By: Packages' 'Origin: Debian' | sort -u > "$state/sources.list"
    [ -s "$state/sources.list" ] || fail "apt names no Debian archive"
    cat > "$state/apt.conf" <<CONF
APT::Architecture "i386";
APT::Architectures { "i386"; };
APT::Sandbox::User "root";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
Dir::Etc::sourcelist "$state/sources.list";
Dir::Etc::sourceparts "/dev/null";
Acquire::Languages "none";
CONF
    APT_CONFIG=$state/apt.conf
    export APT_CONFIG
    apt-get update -qq >&2 || echo "apt could not read all of the i386 package lists" >&2
}

# deb PACKAGE: prints the path of its .deb, downloaded once.
deb() {
    mkdir -p "$debs"
    file=$(ls "$debs/$1"_*.deb 2>/dev/null | head -n 1)
    if [ -z "$file" ]; then
        (cd "$debs" && { download download -qq "$1" || { update_lists; download download -qq "$1"; }; }) ||
            fail "apt could not download $1"
        file=$(ls "$debs/$1"_*.deb | head -n 1)
    fi
    echo "$file"
}

# extract DEB PATTERN: writes the one file matching PATTERN inside the package to standard output.
extract() {
    dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "$2"
}

# up_to_date ARCHIVE RECIPE: whether the archive was made from the same inputs.
up_to_date() {
    [ -s "$1" ] && [ "$(cat "$1.recipe" 2>/dev/null)" = "$2" ]
}

# kvm_tree TREE stable|newest: kvmwork and the modules, with all that they depend on.
kvm_tree() {
    rm -rf "$1"
    mkdir -p "$1/bin" "$1/lib/modules"
    install -m 755 "$scripts/kvmwork" "$1/bin/"
    install -m 644 "$images/modules-$2"/*.ko "$1/lib/modules/"
    for needed in $(cat "$1/lib/modules"/*.ko | tr '\0' '\n' | sed -n 's/^depends=//p' | tr , ' '); do
        [ -e "$1/lib/modules/$needed.ko" ] || fail "no module $needed for kernel $2"
    done
}

# inner_system DIRECTORY KERNEL: a guest's guest: the kernel, and an initial file system that is ./l2init alone.
inner_system() {
    mkdir -p "$1/tree"
    ${CC:-gcc} -static -O2 -Wall -Wextra -o "$1/tree/init" "$scripts/l2init.c"
    strip "$1/tree/init"
    find "$1/tree" -exec touch -h -d @0 {} +
    (cd "$1/tree" && echo init | cpio --create --format=newc --owner=0:0 --reproducible --quiet) > "$1/initrd"
    rm -rf "$1/tree"
    install -m 644 "$2" "$1/kernel"
}

# pack TREE BASE ARCHIVE RECIPE: the tree, not compressed (unpacking would cost the guest more), then the archive BASE.
# Prints the path.
pack() {
    find "$1" -exec touch -h -d @0 {} +
    {
        (cd "$1" && find . -print0 | LC_ALL=C sort -z |
            cpio --null --create --format=newc --owner=0:0 --reproducible --quiet)
        cat "$2"
    } > "$3.new"
    rm -rf "$1"
    mv "$3.new" "$3"
    echo "$4" > "$3.recipe"
    echo "$3"
}
