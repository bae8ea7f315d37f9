#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches an unmodified Debian kernel: kernel.sh OUTPUT-DIRECTORY stable|newest|686-pae
# Prints the path of the kernel image.  Nothing is installed; what is there already is not fetched again.
# Also leaves the kernel's own modules, unpacked: for KVM in OUTPUT-DIRECTORY/modules-WHICH, for disks in disk-modules-WHICH, for Xen's
# dom0 in modules-xen-WHICH.
#   stable    what linux-image-amd64 depends on       newest   the highest 6.12 that apt knows
#   686-pae   the 32-bit kernel, by an apt state of its own for i386
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "which kernel? stable, newest or 686-pae"
which=$1
image=$images/vmlinuz-$which modules=$images/modules-$which disk_modules=$images/disk-modules-$which xen_modules=$images/modules-xen-$which
[ -s "$image" ] && [ -d "$modules" ] && [ -d "$disk_modules" ] && [ -d "$xen_modules" ] && { echo "$image"; exit 0; }

# The package that a meta-package depends on.
real_package() {
    apt-cache "$@" | sed -n 's/^ *Depends: *\(linux-image-[0-9][^ ]*\).*/\1/p' | head -n 1
}

newest_package() {
    apt-cache search --names-only '^linux-image-6\.12\.[0-9].*-amd64$' | awk '{print $1}' |
        grep -Ev -e '-(rt|cloud)-|-dbg$|-unsigned' | sort -V | tail -n 1
}

known() {
    case $which in
    stable) real_package depends linux-image-amd64 ;;
    newest) newest_package ;;
    *) fail "unknown kernel: $which" ;;
    esac
}

if [ "$which" = 686-pae ]; then
    private_apt
    package=$(real_package depends linux-image-686-pae)
else
    package=$(known)
    [ -n "$package" ] || { update_lists; package=$(known); }
fi
[ -n "$package" ] || fail "apt knows no such kernel: $which"

file=$(deb "$package")
extract "$file" './boot/vmlinuz-*' > "$image.new"
[ -s "$image.new" ] || fail "$package holds no kernel image"
echo "$package" > "$images/package-$which"

# modules DIRECTORY PATTERN...: those of the package, unpacked; not all kernels have each as a module.
modules() {
    directory=$1
    shift
    rm -rf "$directory" "$directory.new"
    mkdir "$directory.new"
    [ "$which" = 686-pae ] ||
        dpkg-deb --fsys-tarfile "$file" | tar -x -C "$directory.new" --wildcards --transform 's|.*/||' "$@" || true
    find "$directory.new" -name '*.xz' -exec xz -d {} +
    mv "$directory.new" "$directory"
}
modules "$modules" '*/arch/x86/kvm/kvm*.ko*' '*/virt/lib/irqbypass.ko*' '*/crypto/ccp/ccp.ko*'
modules "$disk_modules" '*/drivers/ata/libata.ko*' '*/drivers/ata/ata_piix.ko*' '*/drivers/scsi/scsi_*.ko*' '*/drivers/scsi/s[dr]_mod.ko*' \
    '*/drivers/cdrom/cdrom.ko*' '*/drivers/block/floppy.ko*' '*/fs/ext4/ext4.ko*' '*/fs/jbd2/jbd2.ko*' '*/fs/mbcache.ko*' '*/fs/isofs/isofs.ko*' \
    '*/t10-pi.ko*' '*/crc*.ko*'
modules "$xen_modules" '*/drivers/xen/xen-privcmd.ko*' '*/drivers/xen/xen-evtchn.ko*' '*/drivers/xen/xen-gnt*.ko*' '*/drivers/xen/xenfs/xenfs.ko*'
mv "$image.new" "$image"
rm -f "$file"
echo "$image"
