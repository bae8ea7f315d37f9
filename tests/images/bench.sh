#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system of the benchmarks: bench.sh OUTPUT-DIRECTORY
# That of the tests with a second archive behind it: the compute kernels and the benchmark's work.  Prints the path.
# Also leaves the program `kernels` in OUTPUT-DIRECTORY, for the same kernels on the host.
. "$(dirname "$0")/common.sh"
bench=$scripts/../bench archive=$images/initramfs-bench.gz
base=$(sh "$scripts/initramfs.sh" "$images")
recipe=$(cat "$bench/kernels.c" "$bench/kernels.h" "$bench/vectors.c" "$bench/large.py" "$bench/work" "$scripts/bench.sh" "$base" | cksum)
[ -s "$archive" ] && [ "$(cat "$images/initramfs-bench.recipe" 2>/dev/null)" = "$recipe" ] && { echo "$archive"; exit 0; }

# No C library, no vectors and no calls or REP STOS made of loops: what the source says is what runs.
options="-std=gnu11 -O2 -ffreestanding -fno-builtin -fno-stack-protector -fcf-protection=none -fno-pie -no-pie
    -fno-tree-vectorize -fno-tree-slp-vectorize -fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables
    -ffp-contract=off -Wall -Wextra"
large=$(cat "$bench/large.py" "$scripts/bench.sh" | cksum)
[ -s "$images/large.o" ] && [ "$(cat "$images/large.recipe" 2>/dev/null)" = "$large" ] || {
    python3 "$bench/large.py" > "$images/large.c"
    ${CC:-gcc} $options -c -o "$images/large.o" "$images/large.c"
    echo "$large" > "$images/large.recipe"
}
${CC:-gcc} $options -static -nostdlib -o "$images/kernels.new" "$bench/kernels.c" "$bench/vectors.c" "$images/large.o"
strip "$images/kernels.new"
mv "$images/kernels.new" "$images/kernels"

tree=$images/initramfs-bench.tree
rm -rf "$tree"
mkdir -p "$tree/bin"
install -m 755 "$images/kernels" "$tree/bin/kernels"
install -m 755 "$bench/work" "$tree/bin/benchwork"
find "$tree" -exec touch -h -d @0 {} +
{
    cat "$base"
    cd "$tree" && find . -print0 | LC_ALL=C sort -z |
        cpio --null --create --format=newc --owner=0:0 --reproducible --quiet | gzip -n -9
} > "$archive.new"
rm -rf "$tree"
mv "$archive.new" "$archive"
echo "$recipe" > "$images/initramfs-bench.recipe"
echo "$archive"
