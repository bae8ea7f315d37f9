#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds a CD that starts Debian's newest kernel by GRUB: cd.sh OUTPUT-DIRECTORY. Prints the path of the image.
# BIOSes start it (grub-pc-bin, on a VGA's text screen) and so does UEFI (grub-efi-amd64-bin, on its frame buffer).
. "$(dirname "$0")/common.sh"
command -v grub-mkrescue >/dev/null || fail "grub-mkrescue is missing: install grub-common, grub-pc-bin, xorriso and mtools"
[ -d /usr/lib/grub/i386-pc ] || fail "GRUB for BIOSes is missing: install grub-pc-bin"
[ -d /usr/lib/grub/x86_64-efi ] || fail "GRUB for UEFI is missing: install grub-efi-amd64-bin"
kernel=$(sh "$scripts/kernel.sh" "$images" newest)
initrd=$(sh "$scripts/initramfs.sh" "$images")
image=$images/grub.iso recipe=$(cat "$scripts/cd.sh" "$images/package-newest" "$images/initramfs.recipe" | cksum)
up_to_date "$image" "$recipe" && { echo "$image"; exit 0; }

tree=$images/cd.tree
rm -rf "$tree"
mkdir -p "$tree/boot/grub"
cp "$kernel" "$tree/boot/vmlinuz"
cp "$initrd" "$tree/boot/initrd"
cat > "$tree/boot/grub/grub.cfg" <<'CONFIG'
set timeout=1
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
menuentry "Linux" {
    linux /boot/vmlinuz console=tty0 console=ttyS0 wl=stop
    initrd /boot/initrd
}
CONFIG
grub-mkrescue -o "$image.new" "$tree" >"$images/cd.log" 2>&1 || fail "grub-mkrescue: $(tail -n 1 "$images/cd.log")"
rm -rf "$tree"
mv "$image.new" "$image"
echo "$recipe" > "$image.recipe"
echo "$image"
