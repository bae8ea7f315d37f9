#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system for KVM in KVM: kvmdeep.sh OUTPUT-DIRECTORY stable|newest
# That of kvmqemu.sh, with itself in it: the guest's own initial file system, in which it has QEMU boot a kernel again.  Prints the path.
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "which kernel? stable or newest"
archive=$images/initramfs-kvmdeep-$1.img
base=$(sh "$scripts/kvmqemu.sh" "$images" "$1")
recipe=$(cat "$scripts/kvmdeep.sh" "$base.recipe" | cksum)
up_to_date "$archive" "$recipe" && { echo "$archive"; exit 0; }
tree=$images/initramfs-kvmdeep-$1.tree
rm -rf "$tree"
mkdir -p "$tree/l2"
cp "$base" "$tree/l2/deep"
pack "$tree" "$base" "$archive" "$recipe"
