# SPDX-License-Identifier: MIT
# Scripts that fetch kernels and build initial file systems.
EXTRA_DIST += \
    tests/images/bench.sh \
    tests/images/cd.sh \
    tests/images/common.sh \
    tests/images/cryptowork \
    tests/images/debian.sh \
    tests/images/debwork \
    tests/images/diskinit \
    tests/images/disks \
    tests/images/disks.sh \
    tests/images/dom0.sh \
    tests/images/dom0work \
    tests/images/fpwork.c \
    tests/images/init \
    tests/images/initramfs.sh \
    tests/images/kernel.sh \
    tests/images/kvm.sh \
    tests/images/kvmdeep.sh \
    tests/images/kvmguest.S \
    tests/images/kvmguest.h \
    tests/images/kvmlook \
    tests/images/kvmlook.sh \
    tests/images/kvmqemu.sh \
    tests/images/kvmtest.c \
    tests/images/kvmwork \
    tests/images/l2init.c \
    tests/images/l2look.c \
    tests/images/unpacked.sh \
    tests/images/vectors.sh \
    tests/images/vectorwork.c \
    tests/images/work \
    tests/images/xen.sh
