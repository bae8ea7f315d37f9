# SPDX-License-Identifier: MIT
# The files of iodev/.
iodev_sources =
