#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system of a dom0 that starts a domU: dom0.sh OUTPUT-DIRECTORY. Prints the path.
# ./dom0work, Debian's xl, xenstored and xenconsoled with their libraries, the newest kernel's modules for Xen, that kernel again with
# ./l2init; and that of the tests behind them.
. "$(dirname "$0")/common.sh"
archive=$images/initramfs-dom0.img
programs="xl xenstored xenconsoled xen-init-dom0 libxl-save-helper"
packages="xen-utils-4.17 libxenmisc4.17 libxenstore4 libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1
    libxenhypfs1 libxentoolcore1 libxentoollog1 libyajl2 libc6 libgcc-s1 liblzma5 libzstd1 zlib1g libuuid1"
kernel=$(sh "$scripts/kernel.sh" "$images" newest)
base=$(sh "$scripts/initramfs.sh" "$images")
unpacked=$images/xen-utils
[ -d "$unpacked" ] || {
    rm -rf "$unpacked.new"
    for package in $packages; do dpkg-deb -x "$(deb "$package")" "$unpacked.new"; done
    mv "$unpacked.new" "$unpacked"
}
recipe=$(cat "$scripts/l2init.c" "$scripts/dom0work" "$scripts/dom0.sh" "$scripts/common.sh" "$images/package-newest" "$base" | cksum)
up_to_date "$archive" "$recipe" && { echo "$archive"; exit 0; }

tree=$images/initramfs-dom0.tree directory=usr/lib/xen-4.17/bin libraries=lib/x86_64-linux-gnu
rm -rf "$tree"
mkdir -p "$tree/bin" "$tree/lib/modules" "$tree/$libraries" "$tree/lib64" "$tree/$directory" "$tree/etc/xen" "$tree/l2"
install -m 755 "$scripts/dom0work" "$tree/bin/"
install -m 644 "$images/modules-xen-newest"/*.ko "$tree/lib/modules/"
for program in $programs; do install -m 755 "$unpacked/$directory/$program" "$tree/$directory/"; done
: > "$tree/etc/xen/xl.conf"

# What they need, and what that needs; libgcc_s is opened by pthread_cancel.
library() {
    find "$unpacked/lib" "$unpacked/usr/lib" -name "$1" ! -path '*/xen-4.17/lib/*' | head -n 1
}
needed() {
    readelf -d "$@" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u
}
cp -L "$(library libgcc_s.so.1)" "$tree/$libraries/"
more=yes
while [ "$more" ]; do
    more=
    for name in $(needed "$tree/$directory"/* "$tree/$libraries"/*); do
        [ ! -e "$tree/$libraries/$name" ] || continue
        found=$(library "$name")
        [ -n "$found" ] || fail "no library $name in the packages"
        cp -L "$found" "$tree/$libraries/$name"
        more=yes
    done
done
cp -L "$tree/$libraries/ld-linux-x86-64.so.2" "$tree/lib64/"

inner_system "$tree/l2" "$kernel"
pack "$tree" "$base" "$archive" "$recipe"
