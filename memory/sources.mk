# SPDX-License-Identifier: MIT
# The files of memory/.
memory_sources =
