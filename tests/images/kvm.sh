#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system in which KVM runs kvmtest: kvm.sh OUTPUT-DIRECTORY stable|newest
# ./kvmwork, kvmtest and the kernel's own modules for KVM, and that of the tests behind them.  Prints the path.
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "which kernel? stable or newest"
which=$1 archive=$images/initramfs-kvm-$1.img
sh "$scripts/kernel.sh" "$images" "$which" > /dev/null
base=$(sh "$scripts/initramfs.sh" "$images")
recipe=$(cat "$scripts/kvmtest.c" "$scripts/kvmguest.h" "$scripts/kvmguest.S" "$scripts/kvmwork" "$scripts/kvm.sh" \
    "$scripts/common.sh" "$images/package-$which" "$base" | cksum)
up_to_date "$archive" "$recipe" && { echo "$archive"; exit 0; }

${CC:-gcc} -static -O2 -Wall -Wextra -pthread -o "$images/kvmtest" "$scripts/kvmtest.c" "$scripts/kvmguest.S"
strip "$images/kvmtest"
tree=$images/initramfs-kvm-$which.tree
kvm_tree "$tree" "$which"
install -m 755 "$images/kvmtest" "$tree/bin/"
pack "$tree" "$base" "$archive" "$recipe"
