# SPDX-License-Identifier: MIT
# Debian packages that building and testing need, and how missing ones are installed.  Sourced.

packages_to_build="g++ make autoconf automake pkg-config binutils zlib1g-dev libcli11-dev libzydis-dev libedit-dev libsdl2-dev libimgui-dev libfreetype-dev fonts-inter fonts-jetbrains-mono"
packages_to_boot="seabios libc6-dev cpio gzip xz-utils dpkg apt"
packages_to_boot_linux="qemu-system-x86"
packages_to_test="e2fsprogs openssl qemu-utils ovmf grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools libgtest-dev gdb lldb python3 clang acpica-tools zstd valgrind xvfb xdotool libmpfr-dev"
packages_to_test_long="memtest86+ debian-installer-12-netboot-amd64"

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "not root and no sudo: cannot run $*" >&2
        return 1
    fi
}

missing_packages() {
    installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/ installed$//p')
    for package; do
        echo "$installed" | grep -qxF -- "$package" || echo "$package"
    done
}

# install_packages PACKAGE...: those that are missing; nothing is asked of apt when none is.
install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "no apt-get here; these Debian packages (or their like) are needed: $*" >&2
        return 0
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    echo "installing:" $missing
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing ||
        { as_root apt-get update -qq &&
          as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing; }
}

# build DIRECTORY TARGET [CONFIGURE OPTIONS...]: bootstraps, configures and makes what is not up to date.
build() {
    directory=$1
    target=$2
    shift 2
    [ -x configure ] || ./bootstrap
    mkdir -p "$directory"
    if [ ! -f "$directory/Makefile" ]; then
        up=$(echo "$directory" | sed 's|[^/][^/]*|..|g')
        (cd "$directory" && "$up/configure" -q "$@") || return 1
    fi
    # With a relative path to the source, ccache then serves every checkout alike.
    CCACHE_NOHASHDIR=1
    export CCACHE_NOHASHDIR
    make -s -C "$directory" -j"$(nproc)" "$target"
}
