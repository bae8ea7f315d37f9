#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches Debian's Xen, unmodified: xen.sh OUTPUT-DIRECTORY. Prints the path of the hypervisor's image. Nothing is installed.
. "$(dirname "$0")/common.sh"
image=$images/xen.gz
[ -s "$image" ] && { echo "$image"; exit 0; }
file=$(deb xen-hypervisor-4.17-amd64)
extract "$file" './boot/xen-*-amd64.gz' > "$image.new"
[ -s "$image.new" ] || fail "xen-hypervisor-4.17-amd64 holds no image"
basename "$file" .deb > "$images/package-xen"
rm -f "$file"
mv "$image.new" "$image"
echo "$image"
