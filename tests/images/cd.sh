#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds a CD from which GRUB starts Debian's newest kernel, or Xen with that kernel in its dom0, or that with a domU for benchmarks:
# cd.sh OUTPUT-DIRECTORY linux|xen|domu. Prints the path of the image.
# BIOSes start it (grub-pc-bin, on a VGA's text screen) and so does UEFI (grub-efi-amd64-bin, on its frame buffer).
. "$(dirname "$0")/common.sh"
command -v grub-mkrescue >/dev/null || fail "grub-mkrescue is missing: install grub-common, grub-pc-bin, xorriso and mtools"
[ -d /usr/lib/grub/i386-pc ] || fail "GRUB for BIOSes is missing: install grub-pc-bin"
[ -d /usr/lib/grub/x86_64-efi ] || fail "GRUB for UEFI is missing: install grub-efi-amd64-bin"
[ $# -eq 1 ] || fail "what is to start? linux, xen or domu"
kernel=$(sh "$scripts/kernel.sh" "$images" newest)
initrd=$(sh "$scripts/initramfs.sh" "$images")
recipes=$images/initramfs.recipe package=$images/package-newest
[ "$1" != domu ] || initrd=$(sh "$scripts/dom0.sh" "$images") recipes=$images/initramfs-dom0.img.recipe
case $1 in
xen | domu) xen=$(sh "$scripts/xen.sh" "$images") package="$package $images/package-xen" ;;
linux) ;;
*) fail "unknown system: $1" ;;
esac
# shellcheck disable=SC2086
image=$images/grub-$1.iso recipe=$(cat "$scripts/cd.sh" $package $recipes | cksum)
up_to_date "$image" "$recipe" && { echo "$image"; exit 0; }

tree=$images/cd-$1.tree
rm -rf "$tree"
mkdir -p "$tree/boot/grub"
cp "$kernel" "$tree/boot/vmlinuz"
cp "$initrd" "$tree/boot/initrd"
# menu TITLE SECONDS: what it starts after so long is read from standard input
menu() {
    echo "set timeout=$2"
    cat <<'CONFIG'
serial --unit=0 --speed=115200
if [ "$grub_platform" = efi ]; then
    loadfont unicode
    insmod all_video
    set gfxmode=800x600
    set gfxpayload=keep
    terminal_output gfxterm serial
else
    terminal_output console serial
fi
CONFIG
    echo "menuentry \"$1\" {"
    cat
    echo "}"
}
case $1 in
linux)
    menu Linux 1 <<'ENTRY'
    linux /boot/vmlinuz console=tty0 console=ttyS0 wl=stop
    initrd /boot/initrd
ENTRY
    ;;
xen)
    cp "$xen" "$tree/boot/xen.gz"
    menu Xen 1 <<'ENTRY'
    multiboot2 /boot/xen.gz console=vga,com1 dom0_mem=256M,max:256M
    module2 /boot/vmlinuz console=hvc0 wl=stop
    module2 --nounzip /boot/initrd
ENTRY
    ;;
domu)                                  # with what QEMU's TCG can't do left out, and no time for a choice
    cp "$xen" "$tree/boot/xen.gz"
    menu Xen 0 <<'ENTRY'
    multiboot2 /boot/xen.gz console=com1 dom0_mem=512M,max:512M smap=0 smep=0
    module2 /boot/vmlinuz console=hvc0 wl=run,dom0work,1 domu.tsc_mode=native
    module2 --nounzip /boot/initrd
ENTRY
    ;;
esac > "$tree/boot/grub/grub.cfg"
grub-mkrescue -o "$image.new" "$tree" >"$images/cd-$1.log" 2>&1 || fail "grub-mkrescue: $(tail -n 1 "$images/cd-$1.log")"
rm -rf "$tree"
mv "$image.new" "$image"
echo "$recipe" > "$image.recipe"
echo "$image"
