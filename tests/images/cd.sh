#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds a CD that starts Debian's newest kernel by GRUB: cd.sh OUTPUT-DIRECTORY. Prints the path of the image.
# GRUB's modules are those that are installed: with grub-pc-bin BIOSes start it.
. "$(dirname "$0")/common.sh"
command -v grub-mkrescue >/dev/null || fail "grub-mkrescue is missing: install grub-common, grub-pc-bin, xorriso and mtools"
[ -d /usr/lib/grub/i386-pc ] || fail "GRUB for BIOSes is missing: install grub-pc-bin"
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
set timeout=0
serial --unit=0 --speed=115200
terminal_output console serial
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
