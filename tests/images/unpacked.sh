#!/bin/sh
# SPDX-License-Identifier: MIT
# Unpacks the kernel that a Debian bzImage carries: unpacked.sh OUTPUT-DIRECTORY stable|newest
# Prints the path of the ELF file, which --kernel starts by its PVH entry; it spares a guest the unpacking.
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "which kernel? stable or newest"
packed=$(sh "$scripts/kernel.sh" "$images" "$1")
image=$images/vmlinux-$1 package=$(cat "$images/package-$1")
up_to_date "$image" "$package" && { echo "$image"; exit 0; }

# An unsigned little-endian number of the bzImage's header: number OFFSET BYTES
number() {
    od -An -j "$1" -N "$2" -t "u$2" "$packed" | tr -d ' '
}

# The boot protocol (Documentation/arch/x86/boot.rst): setup_sects, payload_offset and payload_length; the last four bytes
# of the payload are the size of what it holds.
start=$((($(number 497 1) + 1) * 512 + $(number 584 4)))
length=$(($(number 588 4) - 4))
payload() {
    tail -c +$((start + 1)) "$packed" | head -c $length
}
case $(payload | head -c 4 | od -An -t x1 | tr -d ' ') in
fd377a58) payload | xz -dc ;;
28b52ffd) payload | zstd -dcq ;;
1f8b*) payload | gzip -dc ;;
*) fail "unknown compression of $packed" ;;
esac > "$image.new"
[ "$(head -c 4 "$image.new" | od -An -t x1 | tr -d ' ')" = 7f454c46 ] || fail "no ELF file in $packed"
mv "$image.new" "$image"
echo "$package" > "$image.recipe"
echo "$image"
