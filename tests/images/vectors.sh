#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system of the tests of vector and crypto instructions: vectors.sh OUTPUT-DIRECTORY
# vectorwork compiled in three ways, Debian's openssl with the libraries that it needs, cryptowork; then the tests' initial
# file system.  Prints the path.  Also leaves vectorwork-* in OUTPUT-DIRECTORY, for the same work on the host.
. "$(dirname "$0")/common.sh"
archive=$images/initramfs-vectors.img
base=$(sh "$scripts/initramfs.sh" "$images")
recipe=$(cat "$scripts/vectorwork.c" "$scripts/cryptowork" "$scripts/vectors.sh" "$scripts/common.sh" "$base" | cksum)
up_to_date "$archive" "$recipe" && { echo "$archive"; exit 0; }

# Only `fused` makes multiply-adds of what the source has as two operations.
while read -r name options; do
    # shellcheck disable=SC2086
    ${CC:-gcc} -static $options -Wall -Wextra -o "$images/vectorwork-$name" "$scripts/vectorwork.c" -lm
    strip "$images/vectorwork-$name"
done <<ROWS
plain -march=x86-64 -O0 -ffp-contract=off
v3 -march=x86-64-v3 -O3 -ffp-contract=off
fused -march=x86-64-v3 -O3 -ffp-contract=fast
ROWS

tree=$images/initramfs-vectors.tree
rm -rf "$tree"
mkdir -p "$tree/bin" "$tree/lib64" "$tree/lib/x86_64-linux-gnu"
install -m 755 "$images"/vectorwork-* "$scripts/cryptowork" "$tree/bin/"
for program in openssl:./usr/bin/openssl:bin libssl3:'*/libssl.so.3':lib/x86_64-linux-gnu libssl3:'*/libcrypto.so.3':lib/x86_64-linux-gnu \
    libc6:'*/libc.so.6':lib/x86_64-linux-gnu libc6:'./lib/x86_64-linux-gnu/ld-linux-x86-64.so.2':lib64; do
    IFS=: read -r package file to <<ROW
$program
ROW
    target=$tree/$to/${file##*/}
    extract "$(deb "$package")" "$file" > "$target"
    [ -s "$target" ] || fail "no $file in package $package"
    chmod 755 "$target"
done
pack "$tree" "$base" "$archive" "$recipe"
