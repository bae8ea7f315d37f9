#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system in which Debian's QEMU boots the same kernel by KVM: kvmqemu.sh OUTPUT-DIRECTORY stable|newest
# ./kvmwork, the kernel's modules for KVM, this system's qemu-system-x86_64 with its libraries and SeaBIOS, the kernel
# again with ./l2init; and that of the tests behind them.  Prints the path.
# The inner kernel is the bzImage of newest, unpacked by the guest itself; of stable, whose unpacking takes billions of
# instructions, it is the ELF file in it.
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "which kernel? stable or newest"
which=$1 archive=$images/initramfs-kvmqemu-$1.img
qemu=$(command -v qemu-system-x86_64) || fail "qemu-system-x86_64 is not installed"
firmware="bios-256k.bin kvmvapic.bin linuxboot_dma.bin pvh.bin"
case $which in
stable) kernel=$(sh "$scripts/unpacked.sh" "$images" "$which") ;;
*) kernel=$(sh "$scripts/kernel.sh" "$images" "$which") ;;
esac
base=$(sh "$scripts/initramfs.sh" "$images")
recipe=$(cat "$scripts/l2init.c" "$scripts/kvmwork" "$scripts/kvmqemu.sh" "$scripts/common.sh" "$images/package-$which" \
    "$base" "$qemu" | cksum)
up_to_date "$archive" "$recipe" && { echo "$archive"; exit 0; }

tree=$images/initramfs-kvmqemu-$which.tree
kvm_tree "$tree" "$which"
install -m 755 "$qemu" "$tree/bin/"
loader=$(ldd "$qemu" | sed -n 's/^[ \t]*\(\/[^ ]*\) (.*/\1/p')
for library in "$loader" $(ldd "$qemu" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p'); do
    install -D -m 755 "$library" "$tree$library"
done
mkdir -p "$tree/share/qemu" "$tree/l2"
for file in $firmware; do
    for directory in /usr/share/qemu /usr/share/seabios; do
        [ ! -e "$directory/$file" ] || { install -m 644 "$directory/$file" "$tree/share/qemu/"; break; }
    done
    [ -e "$tree/share/qemu/$file" ] || fail "no $file on this system"
done

inner_system "$tree/l2" "$kernel"
pack "$tree" "$base" "$archive" "$recipe"
