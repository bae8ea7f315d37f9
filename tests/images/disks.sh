#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system that works on disks: disks.sh OUTPUT-DIRECTORY stable|newest
# ./disks, ./diskinit, the kernel's modules for disks, CDs and ext4, this system's mke2fs and e2fsck with their libraries;
# and that of the tests behind them.  Prints the path.
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "which kernel? stable or newest"
which=$1 archive=$images/initramfs-disks-$1.img
sh "$scripts/kernel.sh" "$images" "$which" > /dev/null
base=$(sh "$scripts/initramfs.sh" "$images")
recipe=$(cat "$scripts/disks" "$scripts/diskinit" "$scripts/disks.sh" "$scripts/common.sh" "$images/package-$which" "$base" | cksum)
up_to_date "$archive" "$recipe" && { echo "$archive"; exit 0; }

# In the order in which they can be inserted; a kernel may lack some.
order="scsi_common scsi_mod libata ata_piix crct10dif_common crc-t10dif crc64 crc64-rocksoft t10-pi cdrom sd_mod sr_mod isofs
    crc32c_generic crc16 mbcache jbd2 ext4"
tree=$images/initramfs-disks-$which.tree
rm -rf "$tree"
mkdir -p "$tree/bin" "$tree/sbin" "$tree/lib/modules"
for name in $order; do
    [ ! -e "$images/disk-modules-$which/$name.ko" ] || install -m 644 "$images/disk-modules-$which/$name.ko" "$tree/lib/modules/"
done
install -m 644 "$images/disk-modules-$which/floppy.ko" "$tree/lib/modules/"
[ -e "$tree/lib/modules/ata_piix.ko" ] && [ -e "$tree/lib/modules/ext4.ko" ] || fail "no modules for disks in kernel $which"
echo $order > "$tree/lib/modules/order"
install -m 755 "$scripts/disks" "$scripts/diskinit" "$tree/bin/"
PATH=$PATH:/usr/sbin:/sbin
for program in mke2fs e2fsck; do
    file=$(command -v $program) || fail "$program is not installed (package e2fsprogs)"
    install -m 755 "$file" "$tree/sbin/"
    for library in $(ldd "$file" | sed -n 's/^[ \t]*\(\/[^ ]*\) (.*/\1/p; s/.*=> \(\/[^ ]*\).*/\1/p'); do
        install -D -m 755 "$library" "$tree$library"
    done
done
install -D -m 644 /etc/mke2fs.conf "$tree/etc/mke2fs.conf"
pack "$tree" "$base" "$archive" "$recipe"
