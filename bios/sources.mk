# SPDX-License-Identifier: MIT
# The files of bios/.
bios_sources =
