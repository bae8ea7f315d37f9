#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system of a dom0 that starts a domU: dom0.sh OUTPUT-DIRECTORY [hvm]. Prints the path.
# ./dom0work, Debian's xl, xenstored and xenconsoled with their libraries, the newest kernel's modules for Xen, that kernel again with
# ./l2init; for hvm also hvmloader, SeaBIOS and Debian's QEMU for Xen; and that of the tests behind them.
. "$(dirname "$0")/common.sh"
variant=${1-}
case $variant in '' | hvm) ;; *) fail "which domU? hvm, or nothing for PVH" ;; esac
archive=$images/initramfs-dom0$variant.img
programs="xl xenstored xenconsoled xen-init-dom0 libxl-save-helper"
packages="xen-utils-4.17 libxenmisc4.17 libxenstore4 libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1
    libxenhypfs1 libxentoolcore1 libxentoollog1 libyajl2 libc6 libgcc-s1 liblzma5 libzstd1 zlib1g libuuid1"
qemu_packages="qemu-system-xen qemu-system-data seabios libfdt1 libglib2.0-0 libjpeg62-turbo libpixman-1-0 libusb-1.0-0 libudev1 libspice-server1
    libgstreamer1.0-0 libgstreamer-plugins-base1.0-0 liborc-0.4-0 libunwind8 libdw1 libelf1 libbz2-1.0 libopus0 libssl3 libsasl2-2 liblz4-1
    libstdc++6 libffi8 libpcre2-8-0"
loader=usr/lib/xen-4.17/boot/hvmloader
firmware="usr/share/seabios/bios-256k.bin usr/share/qemu/linuxboot.bin usr/share/qemu/keymaps/en-us"
kernel=$(sh "$scripts/kernel.sh" "$images" newest)
base=$(sh "$scripts/initramfs.sh" "$images")

# unpack DIRECTORY PACKAGE...: once; nothing is installed.
unpack() {
    directory=$1
    shift
    [ ! -d "$directory" ] || return 0
    rm -rf "$directory.new"
    for package in "$@"; do dpkg-deb -x "$(deb "$package")" "$directory.new"; done
    mv "$directory.new" "$directory"
}
unpacked=$images/xen-utils qemu_unpacked=$images/xen-qemu
# shellcheck disable=SC2086
unpack "$unpacked" $packages
# shellcheck disable=SC2086
[ -z "$variant" ] || unpack "$qemu_unpacked" $qemu_packages
recipe=$(cat "$scripts/l2init.c" "$scripts/dom0work" "$scripts/dom0.sh" "$scripts/common.sh" "$images/package-newest" "$base" | cksum)
up_to_date "$archive" "$recipe" && { echo "$archive"; exit 0; }

tree=$images/initramfs-dom0.tree directory=usr/lib/xen-4.17/bin libraries=lib/x86_64-linux-gnu
rm -rf "$tree"
mkdir -p "$tree/bin" "$tree/lib/modules" "$tree/$libraries" "$tree/lib64" "$tree/$directory" "$tree/etc/xen" "$tree/l2"
install -m 755 "$scripts/dom0work" "$tree/bin/"
install -m 644 "$images/modules-xen-newest"/*.ko "$tree/lib/modules/"
for program in $programs; do install -m 755 "$unpacked/$directory/$program" "$tree/$directory/"; done
: > "$tree/etc/xen/xl.conf"
[ -z "$variant" ] || {
    install -D -m 755 "$qemu_unpacked/usr/libexec/xen-qemu-system-i386" -t "$tree/usr/libexec/"
    install -D -m 644 "$unpacked/$loader" "$tree/$loader"
    for file in $firmware; do install -D -m 644 "$qemu_unpacked/$file" "$tree/$file"; done
}

# What they need, and what that needs; libgcc_s is opened by pthread_cancel.
library() {
    find "$unpacked" ${variant:+"$qemu_unpacked"} -name "$1" ! -path '*/xen-4.17/lib/*' | head -n 1
}
needed() {
    readelf -d "$@" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u
}
cp -L "$(library libgcc_s.so.1)" "$tree/$libraries/"
more=yes
while [ "$more" ]; do
    more=
    for name in $(needed "$tree/$directory"/* "$tree/usr/libexec"/* "$tree/$libraries"/*); do
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
