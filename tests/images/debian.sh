#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the initial file system with some of Debian's user space: debian.sh OUTPUT-DIRECTORY
# bash, coreutils, perl and python with the libraries that they need, in /debian; debwork there; then the tests' initial file
# system.  Prints the path.
. "$(dirname "$0")/common.sh"
archive=$images/initramfs-debian.img
packages="libc6 bash libtinfo6 coreutils diffutils sed libacl1 libattr1 libgmp10 libselinux1 libpcre2-8-0 perl-base libcrypt1 python3.11-minimal
    libpython3.11-minimal libpython3.11-stdlib libexpat1 zlib1g libssl3"
base=$(sh "$scripts/initramfs.sh" "$images")
recipe=$(cat "$scripts/debwork" "$scripts/debian.sh" "$scripts/common.sh" "$base" | cksum)
up_to_date "$archive" "$recipe" && { echo "$archive"; exit 0; }

tree=$images/initramfs-debian.tree root=$images/initramfs-debian.tree/debian
rm -rf "$tree"
mkdir -p "$tree/bin" "$root/usr/bin" "$root/usr/lib/x86_64-linux-gnu" "$root/usr/lib64" "$root/usr/sbin" "$root/proc" "$root/dev" "$root/tmp"
for directory in bin lib lib64 sbin; do ln -s "usr/$directory" "$root/$directory"; done
for package in $packages; do
    dpkg-deb --fsys-tarfile "$(deb "$package")" | tar -x --keep-directory-symlink -C "$root" --exclude='./usr/share/*' \
        --exclude='*/gconv/*' --exclude='*/engines-3/*' --exclude='*.pyc' \
        --exclude='*/lib2to3/*' --exclude='*/pydoc_data/*' --exclude='*/ensurepip/*' --exclude='*/distutils/*'
done
ln -s bash "$root/usr/bin/sh"
install -m 755 "$scripts/debwork" "$root/debwork"
cat > "$tree/bin/debian" <<'SCRIPT'
#!/bin/sh
mount -t proc proc /debian/proc
mount -t devtmpfs dev /debian/dev
exec chroot /debian "$@"
SCRIPT
chmod 755 "$tree/bin/debian"
pack "$tree" "$base" "$archive" "$recipe"
