#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system that the tests boot: initramfs.sh OUTPUT-DIRECTORY [i386]
# Static busybox, ./init, ./work and (not for i386) fpwork.  Prints the path of the archive.  The same inputs give
# the same bytes.  Also leaves busybox and fpwork in OUTPUT-DIRECTORY, for running the same work on the host.
. "$(dirname "$0")/common.sh"
architecture=${1:+-$1}
archive=$images/initramfs$architecture.gz busybox=$images/busybox$architecture
recipe=$(cat "$scripts/init" "$scripts/work" "$scripts/fpwork.c" "$scripts/initramfs.sh" | cksum)
[ -s "$archive" ] && [ "$(cat "$images/initramfs$architecture.recipe" 2>/dev/null)" = "$recipe" ] &&
    { echo "$archive"; exit 0; }

[ -x "$busybox" ] || {
    [ -z "$architecture" ] || private_apt
    file=$(deb busybox-static)
    extract "$file" './bin/busybox' > "$busybox.new"
    chmod 755 "$busybox.new"
    mv "$busybox.new" "$busybox"
}
[ -n "$architecture" ] || {
    ${CC:-gcc} -static -O2 -fno-builtin -frounding-math -ffp-contract=off -Wall -o "$images/fpwork" "$scripts/fpwork.c" -lm
    strip "$images/fpwork"
}

tree=$images/initramfs$architecture.tree
rm -rf "$tree"
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp"
install -m 755 "$busybox" "$tree/bin/busybox"
install -m 755 "$scripts/work" "$tree/bin/"
[ -n "$architecture" ] || install -m 755 "$images/fpwork" "$tree/bin/"
install -m 755 "$scripts/init" "$tree/init"
find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . -print0 | LC_ALL=C sort -z |
    cpio --null --create --format=newc --owner=0:0 --reproducible --quiet) | gzip -n -9 > "$archive.new"
rm -rf "$tree"
mv "$archive.new" "$archive"
echo "$recipe" > "$images/initramfs$architecture.recipe"
echo "$archive"
