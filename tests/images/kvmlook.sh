#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system of a guest's guest for debuggers: kvmlook.sh OUTPUT-DIRECTORY stable|newest
# That of kvmqemu.sh with ./kvmlook, and ./l2look as the innermost /init. Prints the path. Leaves l2look, with its symbols, beside it.
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "which kernel? stable or newest"
archive=$images/initramfs-kvmlook-$1.img
base=$(sh "$scripts/kvmqemu.sh" "$images" "$1")
recipe=$(cat "$scripts/l2look.c" "$scripts/kvmlook" "$scripts/kvmlook.sh" "$base.recipe" | cksum)
up_to_date "$archive" "$recipe" && [ -s "$images/l2look" ] && { echo "$archive"; exit 0; }

${CC:-gcc} -static -no-pie -O1 -g -fno-omit-frame-pointer -fcf-protection=none -Wall -Wextra -Wl,-Ttext-segment=0x10000000 \
    -o "$images/l2look" "$scripts/l2look.c"
tree=$images/initramfs-kvmlook-$1.tree
rm -rf "$tree"
mkdir -p "$tree/bin" "$tree/l2/tree"
install -m 755 "$scripts/kvmlook" "$tree/bin/"
install -s -m 755 "$images/l2look" "$tree/l2/tree/init"
find "$tree/l2/tree" -exec touch -h -d @0 {} +
(cd "$tree/l2/tree" && echo init | cpio --create --format=newc --owner=0:0 --reproducible --quiet) > "$tree/l2/look"
rm -rf "$tree/l2/tree"
pack "$tree" "$base" "$archive" "$recipe"
